//! Layout of the dashboard in a terminal of any size. Parts that do not fit are omitted.

use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::gauge::LineGauge;
use report::Epoch;
use train::ImageSet;

use crate::dashboard::colors::Colors;
use crate::dashboard::curves::draw_chart;
use crate::dashboard::state::{DashboardState, Stage};
use crate::rate_meter::duration;

/// Minimum height of the charts in rows, and minimum width of each of two adjacent charts in columns.
const MIN_CHART_SIZE: [u16; 2] = [7, 34];

/// Limit of the table's height: the height of charts and table divided by this number.
const TABLE: u16 = 3;

/// Width of the text before a gauge, in columns. This width and `AFTER` are fixed, so that both gauges have the same
/// width.
const BEFORE: u16 = 20;
const AFTER: u16 = 40;

/// Draws the whole dashboard.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    state: &DashboardState,
    is_stopping: bool,
    log: &str,
    colors: &Colors,
) {
    let [head, gauges, middle, log_row, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [run, base, device] = &state.names;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(
        Line::from(vec![
            Span::styled(run, bold),
            Span::styled(format!("  {base}  {device}"), colors.soft),
        ]),
        head,
    );
    draw_gauges(frame, state, gauges, colors);
    draw_middle(frame, state, middle, colors);
    frame.render_widget(Line::styled(log, colors.soft), log_row);
    frame.render_widget(
        if is_stopping {
            Line::styled("Stopping after this batch. q: stop immediately", bold)
        } else {
            Line::styled("q: stop after this batch; the run can be resumed", colors.soft)
        },
        keys,
    );
}

/// Draws the progress of the epoch, or of the features before the first epoch, and the progress of the run.
fn draw_gauges(frame: &mut Frame<'_>, state: &DashboardState, area: Rect, colors: &Colors) {
    let [upper, lower] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let epochs = state.train.epochs;
    let (before, share, after) = match state.stage {
        Stage::Beginning => ("starting".into(), 0.0, String::new()),
        Stage::Features { set, done, total } => {
            let what = match set {
                ImageSet::Training => "training features",
                ImageSet::AugmentedCopies => "augmented copies",
                ImageSet::Unaugmented => "features without augmentation",
                ImageSet::Validation => "validation features",
                ImageSet::Test => "test features",
            };
            (what.to_owned(), share(done, total), format!("{done}/{total}"))
        }
        Stage::Folds { done, total } => {
            ("cross-validation".to_owned(), share(done, total), format!("{done}/{total}"))
        }
        Stage::Step { epoch, step, steps, loss, accuracy } => (
            format!("epoch {epoch}/{epochs}"),
            share(step, steps),
            format!("step {step}/{steps}  loss {loss:.4}  accuracy {accuracy:.4}"),
        ),
    };
    draw_gauge(frame, upper, before, share, after, colors);
    let of_run = share_of_run(state);
    let after = state.speed.map_or(String::new(), |speed| {
        format!("{:.1} images/s  {} left", speed.rate, duration(speed.seconds_left))
    });
    draw_gauge(frame, lower, format!("run {:.0}%", 100.0 * of_run), of_run, after, colors);
}

fn share(done: usize, total: usize) -> f64 {
    done as f64 / total.max(1) as f64
}

fn share_of_run(state: &DashboardState) -> f64 {
    share(state.images_done(), state.total_images())
}

fn draw_gauge(
    frame: &mut Frame<'_>,
    area: Rect,
    before: String,
    share: f64,
    after: String,
    colors: &Colors,
) {
    let [left, middle, right] = Layout::horizontal([
        Constraint::Length(BEFORE),
        Constraint::Fill(1),
        Constraint::Length(AFTER.min(area.width / 2)),
    ])
    .spacing(1)
    .areas(area);
    frame.render_widget(Line::raw(before), left);
    frame.render_widget(
        LineGauge::default()
            .ratio(share.clamp(0.0, 1.0))
            .label("")
            .filled_symbol("━")
            .unfilled_symbol("─")
            .filled_style(colors.training)
            .unfilled_style(colors.soft),
        middle,
    );
    frame.render_widget(Line::raw(after), right);
}

/// Draws the charts, and the table of epochs below them if both fit.
fn draw_middle(frame: &mut Frame<'_>, state: &DashboardState, area: Rect, colors: &Colors) {
    let [least_height, least_width] = MIN_CHART_SIZE;
    if area.height < least_height {
        return draw_table(frame, state, area, colors);
    }
    let rows = (state.epochs.len() as u16 + 1).min(area.height / TABLE);
    let rows = if rows > 1 && area.height - rows >= least_height { rows } else { 0 };
    let [charts, table] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(area);
    draw_table(frame, state, table, colors);
    let both = Layout::horizontal([Constraint::Fill(1); 2]);
    if charts.width >= 2 * least_width {
        let [loss, accuracy] = both.areas(charts);
        draw_chart(frame, state, loss, ["loss", "val_loss"], 0, colors);
        draw_chart(frame, state, accuracy, ["accuracy", "val_accuracy"], 1, colors);
    } else {
        draw_chart(frame, state, charts, ["loss", "val_loss"], 0, colors);
    }
}

/// Draws the table of the last epochs. The best epoch is always one of its rows.
fn draw_table(frame: &mut Frame<'_>, state: &DashboardState, area: Rect, colors: &Colors) {
    let room = usize::from(area.height.saturating_sub(1));
    if room == 0 || state.epochs.is_empty() {
        return;
    }
    let best = state.best().map(|best| best.epoch);
    let mut rows: Vec<&Epoch> = state.epochs.iter().rev().take(room).collect();
    if let Some(best) = state.best()
        && !rows.iter().any(|row| row.epoch == best.epoch)
    {
        rows.pop();
        rows.push(best);
    }
    let heading = format!(
        "{:>7}{:>10}{:>10}{:>10}{:>14}",
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy"
    );
    let mut lines = vec![Line::styled(heading, colors.soft)];
    lines.extend(rows.iter().rev().map(|row| {
        let ([loss, accuracy], [val_loss, val_accuracy]) = (row.training, row.validation);
        let epoch = row.epoch;
        let text =
            format!("{epoch:>7}{loss:>10.4}{accuracy:>10.4}{val_loss:>10.4}{val_accuracy:>14.4}");
        if best == Some(epoch) {
            Line::styled(format!("{text}  best"), colors.best)
        } else {
            Line::raw(text)
        }
    }));
    for (line, at) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, at);
    }
}

#[cfg(test)]
mod tests {
    use model::Metrics;
    use ratatui_core::backend::TestBackend;
    use ratatui_core::buffer::Buffer;
    use ratatui_core::style::Color;
    use ratatui_core::terminal::Terminal;
    use train::{TrainConfig, TrainingEvent};

    use super::*;
    use crate::dashboard::state::Speed;

    /// Returns the state after seven epochs of four steps and half of the eighth epoch. Epoch 4 is the best.
    fn state() -> DashboardState {
        let names =
            ["runs/train", "vgg16 up to block5_pool, pooling none, 180 x 180", "cpu, winograd f32"];
        let train = TrainConfig { epochs: 10, ..TrainConfig::default() };
        let mut state = DashboardState::new(names.map(String::from), train, 128, vec![], None);
        for epoch in 1..=8 {
            let steps = if epoch == 8 { 2 } else { 4 };
            for step in 1..=steps {
                let at = (epoch - 1) as f64 + step as f64 / 4.0;
                let (loss, accuracy) = (0.7 / (1.0 + at), 1.0 - 0.5 / (1.0 + at));
                state.apply(&TrainingEvent::Step { epoch, step, steps: 4, loss, accuracy });
            }
            if epoch < 8 {
                let away = (epoch as f64 - 4.0).abs();
                let (loss, accuracy) =
                    (0.7 / (1.0 + epoch as f64), 1.0 - 0.5 / (1.0 + epoch as f64));
                let (val_loss, val_accuracy) = (0.2 + 0.05 * away, 0.95 - 0.05 * away);
                state.apply(&TrainingEvent::Epoch {
                    metrics: Metrics { epoch, loss, accuracy, val_loss, val_accuracy },
                    seconds: 12.0,
                    learning_rate: 1e-3,
                    val_auc: None,
                    best: epoch <= 4,
                });
            }
        }
        state.speed = Some(Speed { rate: 21.34, seconds_left: 754.0 });
        state
    }

    fn drawn(
        state: &DashboardState,
        [width, height]: [u16; 2],
        is_stopping: bool,
        any_color: bool,
    ) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
        let (log, colors) = ("INFO train::fit: epoch epoch=7", Colors::new(any_color));
        let view = |frame: &mut Frame<'_>| draw(frame, state, is_stopping, log, &colors);
        terminal.draw(view).expect("memory");
        terminal.backend().buffer().clone()
    }

    /// Returns the text on the screen, one line per row.
    fn text(buffer: &Buffer) -> String {
        let rows = buffer.content.chunks(usize::from(buffer.area.width));
        let row = |cells: &[ratatui_core::buffer::Cell]| -> String {
            let text: String = cells.iter().map(|cell| cell.symbol()).collect();
            text.trim_end().to_owned()
        };
        rows.map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn curves_and_the_last_epochs_fit_into_80_columns() {
        insta::assert_snapshot!(text(&drawn(&state(), [80, 24], false, true)), @r"
        runs/train  vgg16 up to block5_pool, pooling none, 180 x 180  cpu, winograd f32
        epoch 8/10            ━━━━━━━━───────── step 2/4  loss 0.0824  accuracy 0.9412
        run 75%               ━━━━━━━━━━━━───── 21.3 images/s  13m left
        ╭ ━ loss  ━ val_loss ──────────────────╮╭ ━ accuracy  ━ val_accuracy ──────────╮
        │0.560│ ⡇                              ││0.950│          ⢀⡠⠊⠒⢄ ⣀⣀⠤⠤⠤⠔⠒⠒        │
        │     │ ⢸                              ││     │        ⢀⠔⠁⠤⠔⠒⠉⠉⠢⣀              │
        │     │ ⠈⢆                             ││     │     ⢀⡠⠊⠁⠁        ⠑⢄            │
        │     │  ⠘⡀                  ⡀         ││     │   ⡠⠔⠁⠊             ⠉⠢⡀         │
        │0.321│   ⠈⠑⠢⢄            ⡠⠔⠉          ││0.775│   ⢠⠊                           │
        │     │    ⠘⠢⡀⠉⠢⢄⡀    ⢀⡠⠔⠉             ││     │  ⢀⠇                            │
        │     │      ⠈⠒⢄⡀⠈⠑⠢⠔⠊⠁                ││     │  ⡜                             │
        │     │         ⠈⠒⠤⢄⣀                  ││     │ ⢸                              │
        │0.082│              ⠉⠉⠑⠒⠒⠤⠤⠤⣀⣀        ││0.600│ ⡇                              │
        │     └────────────────────────────────││     └────────────────────────────────│
        │     0                        epoch 10││     0                        epoch 10│
        ╰──────────────────────────────────────╯╰──────────────────────────────────────╯
          epoch      loss  accuracy  val_loss  val_accuracy
              3    0.1750    0.8750    0.2500        0.9000
              4    0.1400    0.9000    0.2000        0.9500  best
              5    0.1167    0.9167    0.2500        0.9000
              6    0.1000    0.9286    0.3000        0.8500
              7    0.0875    0.9375    0.3500        0.8000
        INFO train::fit: epoch epoch=7
        q: stop after this batch; the run can be resumed
        ");
    }

    #[test]
    fn narrow_screens_show_only_loss_and_short_ones_no_curves() {
        insta::assert_snapshot!(text(&drawn(&state(), [50, 13], true, true)), @r"
        runs/train  vgg16 up to block5_pool, pooling none,
        epoch 8/10            ━─ step 2/4  loss 0.0824  ac
        run 75%               ━─ 21.3 images/s  13m left
        ╭ ━ loss  ━ val_loss ────────────────────────────╮
        │0.560│ ⠱⡀                                       │
        │     │  ⠈⠢⣀⣀⡀                    ⢀⣀⡀            │
        │0.321│     ⠉⠈⠉⠉⠉⠒⠒⠤⠤⠤⣀⣀⣀⣀⠤⠤⠤⠔⠒⠊⠉⠉⠁              │
        │0.082│           ⠈⠉⠉⠑⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⡀          │
        │     └──────────────────────────────────────────│
        │     0                                  epoch 10│
        ╰────────────────────────────────────────────────╯
        INFO train::fit: epoch epoch=7
        Stopping after this batch. q: stop immediately
        ");
        insta::assert_snapshot!(text(&drawn(&state(), [50, 8], true, true)), @r"
        runs/train  vgg16 up to block5_pool, pooling none,
        epoch 8/10            ━─ step 2/4  loss 0.0824  ac
        run 75%               ━─ 21.3 images/s  13m left
          epoch      loss  accuracy  val_loss  val_accurac
              4    0.1400    0.9000    0.2000        0.950
              7    0.0875    0.9375    0.3500        0.800
        INFO train::fit: epoch epoch=7
        Stopping after this batch. q: stop immediately
        ");
    }

    #[test]
    fn feature_progress_is_shown_before_the_first_epoch() {
        let mut state =
            DashboardState::new(state().names, TrainConfig::default(), 128, vec![], None);
        let set = ImageSet::Validation;
        state.apply(&TrainingEvent::Features { set, done: 32, total: 64 });
        state.speed = None;
        let text = text(&drawn(&state, [80, 24], false, true));
        let lines: Vec<&str> = text.lines().take(3).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        runs/train  vgg16 up to block5_pool, pooling none, 180 x 180  cpu, winograd f32
        validation features   ━━━━━━━━───────── 32/64
        run 0%                ─────────────────
        ");
    }

    #[test]
    fn drawing_does_not_panic_at_any_screen_size() {
        for width in (1..=150).step_by(7) {
            for height in 1..=40 {
                drawn(&state(), [width, height], false, true);
            }
        }
    }

    #[test]
    fn without_colors_curves_use_different_markers() {
        let has_colors = |buffer: &Buffer| {
            buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
        };
        let (with, without) =
            (drawn(&state(), [80, 24], false, true), drawn(&state(), [80, 24], false, false));
        assert!(has_colors(&with) && !has_colors(&without));
        assert!(text(&without).contains("• val_loss") && !text(&with).contains('•'));
    }
}
