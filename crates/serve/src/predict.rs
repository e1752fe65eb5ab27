//! Processes the images of a request: checks and decodes them, asks the model's thread and writes JSON. Every slow step
//! waits in a fair queue of all clients, and its memory is reserved beforehand.

use std::io;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use model::ModelCard;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Limits;
use crate::body::no_memory;
use crate::error_response::ErrorResponse;
use crate::fair::Sender;
use crate::images::{Image, ImageError, images};
use crate::inference::{Inference, InferenceRequest};
use crate::limits::ModelSize;
use crate::model_failure::ModelFailure;
use crate::shares::{Budget, Client, Share, WithShare};
use crate::workers::Workers;

/// Answers requests for predictions.
pub(crate) struct Predictor {
    card: Arc<ModelCard>,
    size: ModelSize,
    limits: Limits,
    memory: Arc<Budget>,
    workers: Workers,
    /// Single thread for images that need much memory, so that only one of them is decoded at a time. It has the same
    /// priority as the other threads. With a lower one, small images of other clients could delay a large image
    /// forever.
    for_large: Workers,
    questions: Sender<InferenceRequest>,
}

/// Client of a request, and its options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestOptions {
    pub(crate) client: Client,
    pub(crate) wants_map: bool,
}

/// Result for one image: a prediction as JSON, or the reason why it has no prediction.
type ImageResult = Result<String, ImageError>;

impl Predictor {
    /// Starts the threads that decode images.
    ///
    /// # Errors
    ///
    /// Returns an error if the system can't start a thread.
    pub(crate) fn new(
        card: Arc<ModelCard>,
        limits: Limits,
        memory: Arc<Budget>,
        questions: Sender<InferenceRequest>,
    ) -> io::Result<Self> {
        let workers = Workers::start("decode", limits.decoders)?;
        let for_large = Workers::start("decode-large", 1)?;
        let size = ModelSize::of(&card);
        Ok(Self { card, size, limits, memory, workers, for_large, questions })
    }

    /// Returns the predictions for the images in `body` as JSON, in their order. If `boundary` is given, the body is a
    /// form and its parts are the images. The response holds its share of memory until it is sent.
    ///
    /// # Errors
    ///
    /// Returns an error if the body is not a form or exceeds a limit, if none of the images can be decoded, or if the
    /// model fails.
    pub(crate) async fn predict(
        self: Arc<Self>,
        body: Bytes,
        boundary: Option<String>,
        asked: RequestOptions,
    ) -> Result<Bytes, ErrorResponse> {
        let (limits, length) = (self.limits.clone(), body.len() as u64);
        let images = move || images(body, boundary.as_deref(), &limits);
        let images = self.workers.run(asked.client, length / 4, images).await;
        let images = images.map_err(|_| failed(&ModelFailure::Panic))??;
        let held = images.len() * self.size.held(asked.wants_map);
        let share = self.memory.take(asked.client, held).ok_or_else(no_memory)?;
        let share = Arc::new(share);

        let names: Vec<Option<String>> = images.iter().map(|image| image.name.clone()).collect();
        // Dropping the set, as when the client disconnects, aborts the tasks that still run.
        let mut tasks = JoinSet::new();
        for (at, image) in images.into_iter().enumerate() {
            let (predictor, share) = (self.clone(), share.clone());
            tasks.spawn(async move { (at, predictor.told(image, asked, share).await) });
        }
        let mut told: Vec<Option<ImageResult>> = vec![None; names.len()];
        while let Some(done) = tasks.join_next().await {
            let (at, outcome) = done.map_err(|_| failed(&ModelFailure::Panic))?;
            told[at] = Some(outcome?);
        }
        let told: Vec<ImageResult> = told.into_iter().flatten().collect();
        if told.iter().all(Result::is_err) {
            return Err(none_read(&names, told, share));
        }
        let length = told.iter().flatten().map(String::len).sum::<usize>();
        let mut text = String::with_capacity(length + names.len());
        for (name, told) in names.iter().zip(told) {
            text += if text.is_empty() { "{\"predictions\":[" } else { "," };
            text += &told.unwrap_or_else(|fault| fault.tell(name.as_deref()).to_string());
        }
        text += "]}";
        share.shrink_to(text.capacity());
        Ok(Bytes::from_owner(WithShare { bytes: text, _share: share }))
    }

    async fn told(
        &self,
        image: Image,
        asked: RequestOptions,
        share: Arc<Share>,
    ) -> Result<ImageResult, ErrorResponse> {
        let Image { name, bytes, cost } = image;
        let cost = match cost {
            Ok(cost) => cost,
            Err(fault) => return Ok(Err(fault)),
        };
        let RequestOptions { client, wants_map } = asked;
        let is_large = cost.memory > self.limits.small();
        let workers = if is_large { &self.for_large } else { &self.workers };
        let size = self.card.base.image_size;
        let decode = move || photos::load_image_from(&bytes, size);
        let decoded = workers.run(client, cost.memory, decode).await;
        let image = match decoded.map_err(|_| failed(&ModelFailure::Panic))? {
            Ok(bytes) => Bytes::from_owner(WithShare { bytes, _share: share }),
            Err(reason) => return Ok(Err(ImageError::unreadable(&reason))),
        };
        let (answer, answered) = oneshot::channel();
        // A heat map takes a backward pass as well.
        let cost = if wants_map { 3 } else { 1 };
        self.questions.send(client, cost, InferenceRequest { image, wants_map, answer });
        let answer = answered.await.map_err(|_| failed(&ModelFailure::Ended))?;
        let answer = answer.map_err(|reason| failed(&reason))?;
        let card = self.card.clone();
        let tell = move || tell(&card, name.as_deref(), answer);
        let told = self.workers.run(client, self.size.telling(wants_map), tell).await;
        Ok(Ok(told.map_err(|_| failed(&ModelFailure::Panic))?))
    }
}

/// Returns a prediction as JSON.
fn tell(card: &ModelCard, name: Option<&str>, answer: Inference) -> String {
    let Inference { probabilities, heat_map } = answer;
    let mut told = json!({
        "name": name,
        "class": card.classes[card.decide(&probabilities)],
        "probabilities": card.by_class(&probabilities),
    });
    if let Some(heat_map) = heat_map {
        let [height, width] = heat_map.size;
        let row = |row: &[f32]| row.iter().map(|&value| model::json_number(value)).collect();
        let rows: Vec<Value> = heat_map.values.chunks(width).map(row).collect();
        told["heat_map"] = json!({"height": height, "width": width, "values": rows});
    }
    let mut text = told.to_string();
    text.shrink_to_fit();
    text
}

/// Returns the response to a request without a readable image. It holds its share of memory until it is sent.
fn none_read(names: &[Option<String>], told: Vec<ImageResult>, share: Arc<Share>) -> ErrorResponse {
    let faults: Vec<ImageError> = told.into_iter().filter_map(Result::err).collect();
    let predictions: Vec<Value> =
        names.iter().zip(&faults).map(|(name, fault)| fault.tell(name.as_deref())).collect();
    let error = match &faults[..] {
        [fault] => fault.error.clone(),
        _ => format!("none of the {} images can be read", faults.len()),
    };
    let hint = faults.first().map_or("", |fault| fault.hint);
    ErrorResponse::new(StatusCode::UNPROCESSABLE_ENTITY, error, hint)
        .with_predictions(predictions, share)
}

fn failed(reason: &ModelFailure) -> ErrorResponse {
    let mut text = format!("the prediction failed: {reason}");
    if let Some(hint) = reason.hint() {
        text += "\nhint: ";
        text += &hint;
    }
    tracing::error!("{text}");
    ErrorResponse::new(StatusCode::INTERNAL_SERVER_ERROR, text, "see the output of the server")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use head::HeadConfig;
    use image::{ImageFormat, RgbImage};
    use model::WeightsRecord;
    use vgg::{Preprocessing, VggConfig, Weights};

    use super::*;
    use crate::fair::queue;
    use crate::inference::answer_all;

    fn card() -> ModelCard {
        let base = VggConfig {
            image_size: [32, 32],
            last_layer: "block1_pool".into(),
            ..VggConfig::default()
        };
        ModelCard {
            format: ModelCard::FORMAT,
            weights: WeightsRecord::of(&Weights::seeded(&base, 4).expect("a network")),
            base,
            preprocessing: Preprocessing::Caffe,
            head: HeadConfig { hidden_units: vec![5], dropout: 0.5, ..HeadConfig::default() },
            classes: ["cats", "dogs", "birds"].map(String::from).into(),
            feature_scale: 1.0,
            threshold: 0.5,
            threshold_rule: None,
            temperature: 1.0,
            metrics: None,
            engines: vec![],
        }
    }

    #[test]
    fn memory_is_released_once_the_response_is_sent() {
        let (card, limits) = (Arc::new(card()), Limits::default());
        let memory = Budget::new(limits.held(ModelSize::of(&card)));
        let whole = memory.free();
        let (asks, questions) = queue();
        let model = thread::spawn(move || {
            answer_all(&questions, |photos, _| {
                let answer = Inference { probabilities: vec![0.1, 0.7, 0.2], heat_map: None };
                Ok(vec![answer; photos.len()])
            });
        });
        let predictor = Predictor::new(card, limits, memory.clone(), asks).expect("threads");
        let mut png = std::io::Cursor::new(vec![]);
        RgbImage::new(40, 30).write_to(&mut png, ImageFormat::Png).expect("an image");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let asked = RequestOptions { client: Client::of([127, 0, 0, 1].into()), wants_map: false };
        let predictor = Arc::new(predictor);
        let refused = predictor.clone().predict(Bytes::from("no image"), None, asked);
        let refused = runtime.block_on(refused).expect_err("no image").into_body();
        assert!((refused.len()..2 * refused.len()).contains(&(whole - memory.free())));
        drop(refused);
        assert_eq!(memory.free(), whole);
        let answer = predictor.clone().predict(png.into_inner().into(), None, asked);
        let answer = runtime.block_on(answer).expect("an answer");
        drop(predictor);
        model.join().expect("no panic");
        let held = whole - memory.free();
        assert!((answer.len()..2 * answer.len()).contains(&held), "{held} bytes");
        // Models a connection that has written only a part of the response.
        let rest = answer.slice(1..);
        drop(answer);
        assert_eq!(whole - memory.free(), held);
        drop(rest);
        assert_eq!(memory.free(), whole);
    }
}
