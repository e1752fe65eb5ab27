//! Charts of the dashboard, with a training value per step and a validation value per epoch.

use ratatui_core::layout::Rect;
use ratatui_core::symbols::Marker;
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::block::Block;
use ratatui_widgets::borders::BorderType;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use report::Epoch;

use crate::dashboard::colors::Colors;
use crate::dashboard::state::DashboardState;

/// Draws the chart of the loss (`which` 0) or the accuracy (`which` 1). `names` holds the titles of the training and
/// the validation curve.
pub(super) fn draw_chart(
    frame: &mut Frame<'_>,
    state: &DashboardState,
    area: Rect,
    names: [&str; 2],
    which: usize,
    colors: &Colors,
) {
    let of_epochs = |values: fn(&Epoch) -> [f64; 2]| {
        state.epochs.iter().map(move |epoch| (epoch.epoch as f64, values(epoch)[which]))
    };
    // Epochs that an earlier process trained have no recorded steps.
    let first_step = state.steps.first().map_or(f64::INFINITY, |step| step[0]);
    let training: Vec<(f64, f64)> = of_epochs(|epoch| epoch.training)
        .filter(|(at, _)| *at < first_step)
        .chain(state.steps.iter().map(|step| (step[0], step[1 + which])))
        .collect();
    let validation: Vec<(f64, f64)> = of_epochs(|epoch| epoch.validation).collect();
    let values = || training.iter().chain(&validation).map(|point| point.1);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let [low, high] = match (low, high) {
        _ if low > high => [0.0, 1.0],
        _ if low == high => [low - 0.5, high + 0.5],
        _ => [low, high],
    };
    let last = training.iter().chain(&validation).map(|point| point.0).fold(0.0, f64::max);
    let end = end_of_axis(last, state.train.epochs);
    let (marker, sign) = colors.validation_marker;
    let title = Line::from(vec![
        Span::styled(format!(" ━ {} ", names[0]), colors.training),
        Span::styled(format!(" {sign} {} ", names[1]), colors.validation),
    ]);
    let lines = |data, marker, style| {
        Dataset::default().data(data).marker(marker).graph_type(GraphType::Line).style(style)
    };
    let number = |value: f64| format!("{value:.3}");
    frame.render_widget(
        Chart::new(vec![
            lines(&training, Marker::Braille, colors.training),
            lines(&validation, marker, colors.validation),
        ])
        .block(
            Block::bordered()
                .border_type(BorderType::Rounded)
                .border_style(colors.soft)
                .title(title),
        )
        .legend_position(None)
        .x_axis(
            Axis::default()
                .bounds([0.0, end])
                .labels(["0".to_owned(), format!("epoch {end}")])
                .style(colors.soft),
        )
        .y_axis(
            Axis::default()
                .bounds([low, high])
                .labels([number(low), number((low + high) / 2.0), number(high)])
                .style(colors.soft),
        ),
        area,
    );
}

/// Returns the end of the epoch axis: the first of 4, 8, 16, ... that is at least 1.25 `last`, limited to `epochs`.
fn end_of_axis(last: f64, epochs: usize) -> f64 {
    let doubled = std::iter::successors(Some(4.0), |end| Some(end * 2.0));
    let end = doubled.take_while(|end| *end < epochs as f64).find(|end| *end >= 1.25 * last);
    end.unwrap_or(epochs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_axis_grows_up_to_the_number_of_epochs() {
        for ((last, epochs), end) in [
            ((0.0, 50), 4.0),
            ((3.2, 50), 4.0),
            ((3.3, 50), 8.0),
            ((30.0, 50), 50.0),
            ((50.0, 50), 50.0),
            ((0.0, 2), 2.0),
        ] {
            assert_eq!(end_of_axis(last, epochs), end, "{last} of {epochs}");
        }
    }
}
