//! Inference on a single thread: images that are waiting are answered as one batch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hyper::body::Bytes;
use model::HeatMap;
use tokio::sync::oneshot;

use crate::fair::FairQueue;
use crate::model_failure::ModelFailure;

/// Maximum number of images in a batch.
pub(crate) const BATCH: usize = 32;

/// An image at the model's size, and the channel for its answer.
pub(crate) struct InferenceRequest {
    pub(crate) image: Bytes,
    pub(crate) wants_map: bool,
    pub(crate) answer: oneshot::Sender<Result<Inference, ModelFailure>>,
}

/// Result of the model for one image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inference {
    pub(crate) probabilities: Vec<f32>,
    pub(crate) heat_map: Option<HeatMap>,
}

/// Answers questions until the senders are gone. `explain` receives the images and whether heat maps are wanted. If it
/// fails or panics, each request of the batch receives the error, and later batches are still answered.
pub(crate) fn answer_all(
    questions: &FairQueue<InferenceRequest>,
    explain: impl Fn(&[&[u8]], bool) -> Result<Vec<Inference>, ModelFailure>,
) {
    loop {
        let mut waiting = questions.take(BATCH);
        if waiting.is_empty() {
            return;
        }
        // Skip images whose client has disconnected.
        waiting.retain(|question| !question.answer.is_closed());
        let (with_map, without): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|question: &InferenceRequest| question.wants_map);
        for (questions, wants_map) in [(with_map, true), (without, false)] {
            if questions.is_empty() {
                continue;
            }
            let images: Vec<&[u8]> = questions.iter().map(|question| &*question.image).collect();
            let answers = catch_unwind(AssertUnwindSafe(|| explain(&images, wants_map)))
                .unwrap_or(Err(ModelFailure::Panic));
            let mut answers = answers.map(Vec::into_iter);
            for question in questions {
                let answer = match &mut answers {
                    Ok(answers) => Ok(answers.next().expect("an answer to every image")),
                    Err(reason) => Err(reason.clone()),
                };
                // If the client has disconnected meanwhile, the answer is dropped.
                let _ = question.answer.send(answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::fair::queue;
    use crate::shares::Client;

    fn client() -> Client {
        Client::of([127, 0, 0, 1].into())
    }

    /// Asks about images of one byte each, with heat maps for the odd ones, and returns the answers.
    fn ask(
        images: &[u8],
        explain: impl Fn(&[&[u8]], bool) -> Result<Vec<Inference>, ModelFailure>,
    ) -> Vec<Result<Inference, ModelFailure>> {
        let (sender, receiver) = queue();
        let mut answers = vec![];
        for &image in images {
            let (answer, answered) = oneshot::channel();
            let question =
                InferenceRequest { image: vec![image].into(), wants_map: image % 2 == 1, answer };
            sender.send(client(), 1, question);
            answers.push(answered);
        }
        drop(sender);
        answer_all(&receiver, explain);
        answers.into_iter().map(|mut answer| answer.try_recv().expect("an answer")).collect()
    }

    fn echo(images: &[&[u8]], wants_map: bool) -> Vec<Inference> {
        let heat_map = wants_map.then(|| HeatMap { size: [1, 1], values: vec![1.0] });
        let answer = |image: &&[u8]| Inference {
            probabilities: vec![image[0].into()],
            heat_map: heat_map.clone(),
        };
        images.iter().map(answer).collect()
    }

    #[test]
    fn answers_match_their_requests_and_batches_are_bounded() {
        let images: Vec<u8> = (0..100).collect();
        let batches = Mutex::new(vec![]);
        let answers = ask(&images, |images, wants_map| {
            batches.lock().expect("no panic").push(images.len());
            Ok(echo(images, wants_map))
        });
        for (image, answer) in images.iter().zip(answers) {
            let answer = answer.expect("an answer");
            assert_eq!(answer.probabilities, [f32::from(*image)]);
            assert_eq!(answer.heat_map.is_some(), image % 2 == 1);
        }
        assert_eq!(*batches.lock().expect("no panic"), [16, 16, 16, 16, 16, 16, 2, 2]);
    }

    #[test]
    fn failing_batch_fails_only_its_own_requests() {
        let answers = ask(&[1, 2], |images, wants_map| {
            if wants_map { Err(ModelFailure::Ended) } else { Ok(echo(images, wants_map)) }
        });
        assert!(matches!(answers[0], Err(ModelFailure::Ended)));
        assert!(answers[1].is_ok());
        let answers = ask(&[1, 2], |images, wants_map| {
            assert!(!wants_map, "a panic that this test is about");
            Ok(echo(images, wants_map))
        });
        assert!(matches!(answers[0], Err(ModelFailure::Panic)));
        assert!(answers[1].is_ok());
    }

    #[test]
    fn abandoned_requests_are_not_run() {
        let (sender, receiver) = queue();
        let (answer, answered) = oneshot::channel();
        let question = InferenceRequest { image: vec![0].into(), wants_map: false, answer };
        sender.send(client(), 1, question);
        drop((sender, answered));
        answer_all(&receiver, |_, _| panic!("asked"));
    }
}
