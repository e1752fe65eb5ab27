//! What becomes of a request's photographs: decoded on a few threads, answered by the model's, told as JSON.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use model::ModelCard;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use crate::body::Place;
use crate::questions::{Answer, Question};
use crate::refusal::Refusal;

/// What a photograph's sender can do about one that can't be read.
const UNREADABLE: &str =
    "see whether other programs open it; JPEG, PNG, GIF, BMP, WebP and TIFF are read";

/// A photograph as it was sent.
pub(crate) struct Photograph {
    /// Its file's name, where that was sent.
    pub(crate) name: Option<String>,
    pub(crate) bytes: Bytes,
}

/// What answers.
#[derive(Clone)]
pub(crate) struct Predictor {
    card: Arc<ModelCard>,
    /// As many photographs are decoded at once as there are permits, which bounds the memory that takes.
    decoders: Arc<Semaphore>,
    questions: mpsc::Sender<Question>,
}

/// What is said of a photograph: an answer, or the reason why it can't be read.
type Outcome = Result<Answer, String>;

impl Predictor {
    pub(crate) fn new(
        card: Arc<ModelCard>,
        decoders: usize,
        questions: mpsc::Sender<Question>,
    ) -> Self {
        Self { card, decoders: Arc::new(Semaphore::new(decoders)), questions }
    }

    /// The predictions for `photographs`, in their order. `place` is given back once all are decoded.
    ///
    /// # Errors
    ///
    /// None of them can be read, or the model has failed.
    pub(crate) async fn predict(
        &self,
        photographs: Vec<Photograph>,
        wants_map: bool,
        place: Place,
    ) -> Result<Value, Refusal> {
        let place = Arc::new(place);
        // Those that still run when this is dropped, as when the client has gone away, are ended.
        let mut tasks = JoinSet::new();
        let (names, contents): (Vec<_>, Vec<_>) =
            photographs.into_iter().map(|photograph| (photograph.name, photograph.bytes)).unzip();
        for (at, bytes) in contents.into_iter().enumerate() {
            let (predictor, place) = (self.clone(), place.clone());
            tasks.spawn(async move { (at, predictor.outcome(bytes, wants_map, place).await) });
        }
        drop(place);
        let mut outcomes: Vec<Option<Outcome>> = vec![None; names.len()];
        while let Some(done) = tasks.join_next().await {
            let (at, outcome) = done.map_err(|error| failed(&error.to_string()))?;
            outcomes[at] = Some(outcome?);
        }
        let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        let told =
            names.iter().zip(&outcomes).map(|(name, outcome)| self.tell(name.as_deref(), outcome));
        let predictions: Vec<Value> = told.collect();
        if outcomes.iter().any(Result::is_ok) {
            return Ok(json!({"predictions": predictions}));
        }
        let error = match &outcomes[..] {
            [Err(reason)] => unreadable(reason),
            _ => format!("none of the {} photographs can be read", outcomes.len()),
        };
        Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error, UNREADABLE)
            .with_predictions(predictions))
    }

    async fn outcome(
        &self,
        bytes: Bytes,
        wants_map: bool,
        place: Arc<Place>,
    ) -> Result<Outcome, Refusal> {
        let decoder = self.decoders.clone().acquire_owned().await;
        let size = self.card.base.size;
        let decoded = spawn_blocking(move || {
            let decoded = photos::load_picture_from(&bytes, size);
            // The bytes before their place.
            drop(bytes);
            drop((decoder, place));
            decoded
        });
        let picture = match decoded.await.map_err(|error| failed(&error.to_string()))? {
            Ok(picture) => picture,
            Err(reason) => return Ok(Err(reason)),
        };
        let (answer, answered) = oneshot::channel();
        let question = Question { picture, wants_map, answer };
        let asked = self.questions.send(question).await;
        asked.map_err(|_| failed("it has ended"))?;
        let answer = answered.await.map_err(|_| failed("it has ended"))?;
        Ok(Ok(answer.map_err(|reason| failed(&reason))?))
    }

    fn tell(&self, name: Option<&str>, outcome: &Outcome) -> Value {
        let Answer { probabilities, heat_map } = match outcome {
            Ok(answer) => answer,
            Err(reason) => {
                return json!({"name": name, "error": unreadable(reason), "hint": UNREADABLE});
            }
        };
        let mut told = json!({
            "name": name,
            "class": self.card.classes[self.card.decide(probabilities)],
            "probabilities": self.card.by_class(probabilities),
        });
        if let Some(heat_map) = heat_map {
            let [height, width] = heat_map.size;
            let row = |row: &[f32]| row.iter().map(|&value| model::json_number(value)).collect();
            let rows: Vec<Value> = heat_map.values.chunks(width).map(row).collect();
            told["heat_map"] = json!({"height": height, "width": width, "values": rows});
        }
        told
    }
}

fn unreadable(reason: &str) -> String {
    format!("the photograph can't be read: {reason}")
}

fn failed(reason: &str) -> Refusal {
    tracing::error!("the model gave no answer: {reason}");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("the model gave no answer: {reason}"),
        "see what the server printed",
    )
}
