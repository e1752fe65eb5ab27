//! What a model says of labelled pictures, and what is counted from it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Probabilities of labelled pictures.
#[derive(Clone, Debug)]
pub struct Predictions {
    labels: Vec<usize>,
    /// For each picture those of all classes, which add up to 1.
    probabilities: Vec<Vec<f32>>,
    /// For each picture the class that the model decides for.
    decided: Vec<usize>,
    classes: usize,
}

/// How one class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Of the pictures taken for it, the share that are of it; 0 where none are taken for it.
    pub precision: f64,
    /// Of its pictures, the share taken for it; 0 where it has none.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many pictures it has.
    pub support: usize,
}

impl Predictions {
    /// For each picture the place of its class, the probabilities of all classes, and the place of the class
    /// that the model decides for.
    ///
    /// # Panics
    ///
    /// Panics if they are not of as many pictures, or a place is not below `classes`, of which there are two
    /// or more.
    pub fn new(
        classes: usize,
        labels: Vec<usize>,
        probabilities: Vec<Vec<f32>>,
        decided: Vec<usize>,
    ) -> Self {
        assert!(classes >= 2, "a classifier tells two classes or more apart");
        assert!(labels.len() == probabilities.len() && labels.len() == decided.len());
        assert!(labels.iter().chain(&decided).all(|&class| class < classes));
        assert!(probabilities.iter().all(|row| row.len() == classes));
        Self { labels, probabilities, decided, classes }
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The class of picture number `at`.
    pub fn label(&self, at: usize) -> usize {
        self.labels[at]
    }

    /// The class that the model takes picture number `at` for.
    pub fn decided(&self, at: usize) -> usize {
        self.decided[at]
    }

    /// How likely the model says that picture number `at` is of `class`, 0 to 1.
    pub fn probability(&self, at: usize, class: usize) -> f64 {
        f64::from(self.probabilities[at][class])
    }

    /// How likely the model says that its decision is right, 0 to 1.
    pub fn confidence(&self, at: usize) -> f64 {
        self.probability(at, self.decided[at])
    }

    /// Whether the model decides for the class that picture number `at` is of.
    pub fn is_right(&self, at: usize) -> bool {
        self.labels[at] == self.decided[at]
    }

    /// The share of pictures that are told right; no number where there are none.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.len()).filter(|&at| self.is_right(at)).count();
        right as f64 / self.len() as f64
    }

    /// The pictures of class `label` that are taken for `decided`.
    pub fn cell(&self, label: usize, decided: usize) -> Vec<usize> {
        let in_cell = |&at: &usize| self.labels[at] == label && self.decided[at] == decided;
        (0..self.len()).filter(in_cell).collect()
    }

    /// How many pictures of each class (row) are taken for each class (column).
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes]; self.classes];
        for (&label, &decided) in self.labels.iter().zip(&self.decided) {
            counts[label][decided] += 1;
        }
        counts
    }

    /// Number of pictures of each pair (label, decided) that occurs. Unlike [`Self::confusion`] it does not grow with
    /// the square of the classes.
    pub fn pairs(&self) -> BTreeMap<(usize, usize), usize> {
        let mut pairs = BTreeMap::new();
        for (&label, &decided) in self.labels.iter().zip(&self.decided) {
            *pairs.entry((label, decided)).or_insert(0) += 1;
        }
        pairs
    }

    /// How each class is told from the others, as scikit-learn's `precision_recall_fscore_support` has it.
    pub fn scores(&self) -> Vec<ClassScores> {
        let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let [mut rights, mut supports, mut takens] = [0; 3].map(|_| vec![0; self.classes]);
        for ((label, decided), count) in self.pairs() {
            supports[label] += count;
            takens[decided] += count;
            if label == decided {
                rights[label] = count;
            }
        }
        let of_class = |class: usize| {
            let [right, support, taken] = [rights[class], supports[class], takens[class]];
            ClassScores {
                precision: share(right, taken),
                recall: share(right, support),
                f1: share(2 * right, taken + support),
                support,
            }
        };
        (0..self.classes).map(of_class).collect()
    }

    /// The pictures told wrong, those that the model is surest of first.
    pub fn mistakes(&self) -> Vec<usize> {
        let mut wrong: Vec<usize> = (0..self.len()).filter(|&at| !self.is_right(at)).collect();
        wrong.sort_by(|&a, &b| self.confidence(b).total_cmp(&self.confidence(a)));
        wrong
    }

    /// Pictures whose two likeliest classes are less than half apart, those first where they are the least.
    pub fn least_certain(&self) -> Vec<usize> {
        let margin = |at: usize| {
            let largest_two = |[first, second]: [f32; 2], &value: &f32| {
                if value > first { [value, first] } else { [first, second.max(value)] }
            };
            let [first, second] = self.probabilities[at].iter().fold([0.0; 2], largest_two);
            first - second
        };
        let margins = (0..self.len()).map(|at| (margin(at), at));
        let mut pictures: Vec<(f32, usize)> = margins.filter(|(margin, _)| *margin < 0.5).collect();
        pictures.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        pictures.into_iter().map(|(_, at)| at).collect()
    }

    /// Whether it is right often enough for [`Self::label_errors`] to mean anything: more often than half way
    /// between naming the largest class always and no mistake.
    pub fn tells_label_errors(&self) -> bool {
        let scores = self.scores();
        let largest = scores.iter().map(|class| class.support).max().unwrap_or(0);
        let always = largest as f64 / self.len().max(1) as f64;
        self.accuracy() > f64::midpoint(always, 1.0)
    }

    /// Pictures whose label may be wrong, the likeliest first: the model takes them for another class, and is
    /// as sure of it as it is of that class's own pictures in the mean. It is confident learning (C. Northcutt
    /// and others, 2021), ranked by how much likelier than its label the other class is.
    pub fn label_errors(&self) -> Vec<usize> {
        let mut usual = vec![0.0; self.classes];
        for at in 0..self.len() {
            usual[self.labels[at]] += self.probability(at, self.labels[at]);
        }
        for (usual, class) in usual.iter_mut().zip(self.scores()) {
            *usual /= class.support as f64;
        }
        let surplus = |at: usize| self.confidence(at) - self.probability(at, self.labels[at]);
        let mut found: Vec<usize> = (0..self.len())
            .filter(|&at| !self.is_right(at) && self.confidence(at) >= usual[self.decided[at]])
            .collect();
        found.sort_by(|&a, &b| surplus(b).total_cmp(&surplus(a)));
        found
    }
}
