//! Charts: their shapes, and their SVG for a page. Hovering over a point of the SVG shows its values, without scripts.

use maud::{Markup, html};

/// Width and height of a chart over epochs.
pub(crate) const WIDE: [f64; 2] = [420.0, 270.0];

/// Width and height of a chart whose axes have the same unit.
pub(crate) const SQUARE: [f64; 2] = [400.0, 390.0];

const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// Maximum number of letters of a line's name in the label of a point.
const NAME: usize = 14;

/// Radius of a dot.
pub(crate) const DOT: f64 = 3.0;

/// Maximum number of points of a line that show their values on hovering.
const ANSWERING: usize = 120;

/// Maximum number of points of a line that is drawn with dots. Without a dot, a single point would be invisible.
const DOTTED: usize = 15;

/// Line chart.
pub(crate) struct Chart<'a> {
    /// Text description, for screen readers.
    pub(crate) label: String,
    /// Width and height, including the axes.
    pub(crate) size: [f64; 2],
    /// Names of the horizontal and the vertical axis.
    pub(crate) axes: [&'a str; 2],
    /// Range of each axis, from its minimum to its maximum.
    pub(crate) ranges: [[f64; 2]; 2],
    /// True if the horizontal axis has only whole steps.
    pub(crate) whole_steps: bool,
    pub(crate) lines: Vec<Line<'a>>,
    /// Marked value on the horizontal axis, and its label.
    pub(crate) mark: Option<(f64, String)>,
}

/// A named line through points.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// CSS class, such as `first`, `second` or `level`.
    pub(crate) style: &'static str,
    pub(crate) points: Vec<[f64; 2]>,
}

/// Shapes that make up a chart, both on a page and in a file. Coordinates are (x, y) from the upper left corner.
pub(crate) enum Shape {
    Line {
        style: &'static str,
        from: [f64; 2],
        to: [f64; 2],
    },
    /// A line through several points.
    Path {
        style: &'static str,
        points: Vec<[f64; 2]>,
    },
    Dot {
        style: &'static str,
        at: [f64; 2],
    },
    Text {
        style: &'static str,
        at: [f64; 2],
        anchor: Anchor,
        text: String,
    },
}

/// Part of a text that is at its position.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Chart<'_> {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [width, height] = self.size;
        let part = |value: f64, [from, to]: [f64; 2]| (value - from) / (to - from).max(1e-12);
        let [across, up] = [part(x, self.ranges[0]), part(y, self.ranges[1])];
        [
            LEFT + across * (width - LEFT - RIGHT),
            height - BOTTOM - up.clamp(0.0, 1.0) * (height - TOP - BOTTOM),
        ]
    }

    /// Returns all shapes of the chart except its legend. Later shapes cover earlier ones.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        let [width, height] = self.size;
        let (right, bottom) = (width - RIGHT, height - BOTTOM);
        let text = |style, at, anchor, text| Shape::Text { style, at, anchor, text };
        let mut shapes = vec![];
        for value in ticks(self.ranges[1], false) {
            let [_, y] = self.place([0.0, value]);
            shapes.push(Shape::Line { style: "grid", from: [LEFT, y], to: [right, y] });
            shapes.push(text("tick", [LEFT - 6.0, y + 4.0], Anchor::End, number(value)));
        }
        for value in ticks(self.ranges[0], self.whole_steps) {
            let [x, _] = self.place([value, 0.0]);
            shapes.push(text("tick", [x, bottom + 16.0], Anchor::Middle, number(value)));
        }
        let middle = (LEFT + right) / 2.0;
        shapes.push(text("axis", [middle, height - 6.0], Anchor::Middle, self.axes[0].into()));
        shapes.push(Shape::Line { style: "frame", from: [LEFT, bottom], to: [right, bottom] });
        if let Some((at, name)) = &self.mark {
            let [x, _] = self.place([*at, 0.0]);
            let (anchor, beside) =
                if x > width * 0.7 { (Anchor::End, x - 5.0) } else { (Anchor::Start, x + 5.0) };
            shapes.push(Shape::Line { style: "mark", from: [x, TOP], to: [x, bottom] });
            shapes.push(text("tick", [beside, TOP + 8.0], anchor, name.clone()));
        }
        shapes.extend(self.lines.iter().map(|line| Shape::Path {
            style: line.style,
            points: line.points.iter().map(|point| self.place(*point)).collect(),
        }));
        let is_dotted = |line: &&Line<'_>| line.style != "level" && line.points.len() <= DOTTED;
        shapes.extend(self.lines.iter().filter(is_dotted).flat_map(|line| {
            let dot = |point: &[f64; 2]| Shape::Dot { style: line.style, at: self.place(*point) };
            line.points.iter().map(dot)
        }));
        shapes
    }

    /// Returns the chart as SVG in a figure.
    pub(crate) fn draw(&self) -> Markup {
        let [width, height] = self.size;
        html! {
            figure.chart style=(format!("max-width:{}px", width * 1.08)) {
                svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(self.label) {
                    @for shape in self.shapes() { (shape.draw()) }
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

    fn point(&self, line: &Line<'_>, [x, y]: [f64; 2]) -> Markup {
        let [at_x, at_y] = self.place([x, y]);
        let is_right = at_x > self.size[0] * 0.6;
        let text = format!("{} {}: {}", self.axes[0], number(x), number(y));
        html! {
            g.point {
                circle.reach cx=(short(at_x)) cy=(short(at_y)) r="7" {}
                circle class=(format!("dot {}", line.style)) cx=(short(at_x)) cy=(short(at_y)) r="3.5" {}
                text x=(short(if is_right { at_x - 9.0 } else { at_x + 9.0 })) y=(short(at_y.max(TOP + 22.0) - 8.0))
                    text-anchor=(if is_right { "end" } else { "start" }) { (end_of(line.name)) ", " (text) }
            }
        }
    }
}

impl Shape {
    fn draw(&self) -> Markup {
        html! {
            @match self {
                Self::Line { style, from, to } => {
                    line class=(style) x1=(short(from[0])) y1=(short(from[1])) x2=(short(to[0])) y2=(short(to[1])) {}
                }
                Self::Path { style, points } => {
                    @let places = points.iter().map(|[x, y]| format!("{},{}", short(*x), short(*y)));
                    polyline class=(style) points=(places.collect::<Vec<_>>().join(" ")) {}
                }
                Self::Dot { style, at } => {
                    circle class=(style) cx=(short(at[0])) cy=(short(at[1])) r=(DOT) {}
                }
                Self::Text { style, at, anchor, text } => {
                    text class=(style) x=(short(at[0])) y=(short(at[1])) text-anchor=(anchor.name()) { (text) }
                }
            }
        }
    }
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Returns the end of a long name, which distinguishes paths better than its beginning.
fn end_of(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME {
        return name.to_owned();
    }
    format!("…{}", name.chars().skip(count + 1 - NAME).collect::<String>())
}

/// Returns the minimum and the maximum of the finite values, with a margin. Without finite values, the range is (0, 1).
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

/// Returns about five round values in a range.
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

/// Formats a value with up to four decimals, fewer for larger values.
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

/// Formats a coordinate to a tenth of a pixel.
fn short(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_at_the_start() {
        assert_eq!(end_of("runs/train"), "runs/train");
        assert_eq!(end_of("/home/someone/runs/train-2"), "…/runs/train-2");
    }

    #[test]
    fn ticks_are_round_and_within_the_range() {
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
