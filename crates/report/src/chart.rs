//! Charts as SVG, which a page holds as it is. Hovering over a point shows its values, without a script.

use maud::{Markup, html};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// How many points of a line answer to hovering, at most.
const ANSWERING: usize = 120;

/// Lines over two axes.
pub(crate) struct Chart<'a> {
    /// What it shows, for those who can't see it.
    pub(crate) label: &'a str,
    /// What the axes show.
    pub(crate) axes: [&'a str; 2],
    /// From where to where they go.
    pub(crate) ranges: [[f64; 2]; 2],
    /// Whether steps along the horizontal axis are whole.
    pub(crate) whole_steps: bool,
    pub(crate) lines: Vec<Line<'a>>,
    /// A place on the horizontal axis that is marked, and its name.
    pub(crate) mark: Option<(f64, &'a str)>,
}

/// A line through points, with its name.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// Its class of style: `first`, `second` or `level`.
    pub(crate) style: &'static str,
    pub(crate) points: Vec<[f64; 2]>,
}

impl Chart<'_> {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let part = |value: f64, [from, to]: [f64; 2]| (value - from) / (to - from).max(1e-12);
        let [across, up] = [part(x, self.ranges[0]), part(y, self.ranges[1])];
        [
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM),
        ]
    }

    pub(crate) fn draw(&self) -> Markup {
        let bottom = HEIGHT - BOTTOM;
        html! {
            figure.chart {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.label) {
                    @for value in ticks(self.ranges[1], false) {
                        @let [_, y] = self.place([0.0, value]);
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(short(y)) y2=(short(y)) {}
                        text.tick x=(LEFT - 6.0) y=(short(y + 4.0)) text-anchor="end" { (number(value)) }
                    }
                    @for value in ticks(self.ranges[0], self.whole_steps) {
                        @let [x, _] = self.place([value, 0.0]);
                        text.tick x=(short(x)) y=(bottom + 16.0) text-anchor="middle" { (number(value)) }
                    }
                    text.axis x=((LEFT + WIDTH - RIGHT) / 2.0) y=(HEIGHT - 6.0) text-anchor="middle" { (self.axes[0]) }
                    line.frame x1=(LEFT) x2=(WIDTH - RIGHT) y1=(bottom) y2=(bottom) {}
                    @if let Some((at, name)) = self.mark {
                        @let [x, _] = self.place([at, 0.0]);
                        @let is_right = x > WIDTH * 0.7;
                        line.mark x1=(short(x)) x2=(short(x)) y1=(TOP) y2=(bottom) {}
                        text.tick x=(short(if is_right { x - 5.0 } else { x + 5.0 })) y=(TOP + 8.0)
                            text-anchor=(if is_right { "end" } else { "start" }) { (name) }
                    }
                    @for line in &self.lines {
                        polyline class=(line.style) points=(self.path(line)) {}
                    }
                    @for line in &self.lines {
                        @if line.style != "level" {
                            @let every = line.points.len().div_ceil(ANSWERING).max(1);
                            @for point in line.points.iter().step_by(every) { (self.point(line, *point)) }
                        }
                    }
                }
                figcaption {
                    span.what { (self.axes[1]) }
                    @for line in &self.lines { span.key { i class=(line.style) {} (line.name) } }
                }
            }
        }
    }

    fn path(&self, line: &Line<'_>) -> String {
        let place = |point: &[f64; 2]| {
            let [x, y] = self.place(*point);
            format!("{},{}", short(x), short(y))
        };
        line.points.iter().map(place).collect::<Vec<_>>().join(" ")
    }

    fn point(&self, line: &Line<'_>, [x, y]: [f64; 2]) -> Markup {
        let [at_x, at_y] = self.place([x, y]);
        let is_right = at_x > WIDTH * 0.6;
        let text = format!("{} {}: {}", self.axes[0], number(x), number(y));
        html! {
            g.point {
                circle.reach cx=(short(at_x)) cy=(short(at_y)) r="7" {}
                circle.dot class=(line.style) cx=(short(at_x)) cy=(short(at_y)) r="3.5" {}
                text x=(short(if is_right { at_x - 9.0 } else { at_x + 9.0 })) y=(short(at_y.max(TOP + 22.0) - 8.0))
                    text-anchor=(if is_right { "end" } else { "start" }) { (line.name) ", " (text) }
            }
        }
    }
}

/// The least and the largest of some values, with room around them; (0, 1) where there are none.
pub(crate) fn range_of(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] = values
        .filter(|value| value.is_finite())
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
            [low.min(value), high.max(value)]
        });
    if low > high {
        return [0.0, 1.0];
    }
    let room = ((high - low) * 0.06).max(1e-3);
    [(low - room).max(if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY }), high + room]
}

/// Round values in a range, some five of them.
fn ticks([from, to]: [f64; 2], whole: bool) -> Vec<f64> {
    let rough = (to - from) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= rough);
    let step = step.unwrap_or(power * 10.0);
    let step = if whole { step.max(1.0).round() } else { step };
    let first = (from / step).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|at| at as f64 * step).collect()
}

/// A value with up to four digits.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A coordinate to a tenth of a pixel.
fn short(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(
            ticks([0.0, 1.0], false),
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|at: f64| (at * 5.0).round() * 0.2)
        );
        assert_eq!(ticks([1.0, 4.0], true), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks([1.0, 50.0], true), [10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(range_of([].into_iter()), [0.0, 1.0]);
        assert_eq!(range_of([f64::NAN, 0.5].into_iter()), [0.499, 0.501]);
        for (value, text) in
            [(0.0, "0"), (0.25, "0.25"), (12.345, "12.3"), (1234.5, "1234"), (1.0, "1")]
        {
            assert_eq!(number(value), text);
        }
    }
}
