//! Names of the groups in Keras 3's weights files, for reading and writing.
//!
//! The group of a layer has the name of its class in snake case. From the second layer of a class in a model on, a
//! count follows. See `_save_container_state` in Keras's `saving/saving_lib.py` and `to_snake_case` in
//! `utils/naming.py`.

use std::collections::HashMap;

/// Counts the layers of one model by class.
#[derive(Default)]
pub(crate) struct GroupNames {
    counts: HashMap<String, usize>,
}

impl GroupNames {
    /// Returns the name of the next layer's group from the layer's class. The third `Conv2D` is `conv2d_2`.
    pub(crate) fn next(&mut self, class: &str) -> String {
        let stem = snake_case(class);
        let count = self.counts.entry(stem.clone()).or_default();
        *count += 1;
        match *count {
            1 => stem,
            count => format!("{stem}_{}", count - 1),
        }
    }
}

/// Returns the class of a group's layer in snake case, without the count.
pub(crate) fn class_of(group: &str) -> &str {
    match group.rsplit_once('_') {
        Some((class, count)) if count.bytes().all(|digit| digit.is_ascii_digit()) => class,
        _ => group,
    }
}

/// Converts a class to snake case as Keras's `to_snake_case` does: `MaxPooling2D` becomes `max_pooling2d`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> =
        class.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let is_word = |at: usize| {
        letters[at].is_ascii_uppercase()
            && letters.get(at + 1).is_some_and(char::is_ascii_lowercase)
    };
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_lowercase = at > 0 && letters[at - 1].is_ascii_lowercase();
        if letter.is_ascii_uppercase() && at > 0 && (is_word(at) || after_lowercase) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_map_to_keras_group_names() {
        // Output of `keras.src.utils.naming.to_snake_case`.
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("InputLayer", "input_layer"),
            ("BatchNormalization", "batch_normalization"),
            ("PReLU", "p_re_lu"),
            ("ReLU", "re_lu"),
            ("LSTMCell", "lstm_cell"),
            ("TFSMLayer", "tfsm_layer"),
            ("ELU", "elu"),
            ("SeLU2X", "se_lu2x"),
            ("My_Layer", "my__layer"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }

    #[test]
    fn group_names_are_numbered_and_map_back_to_the_class() {
        let mut names = GroupNames::default();
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("Dense", "dense"),
            ("Conv2D", "conv2d_1"),
            ("Conv2D", "conv2d_2"),
            ("MaxPooling2D", "max_pooling2d"),
            ("Dense", "dense_1"),
        ] {
            assert_eq!(names.next(class), group);
            assert_eq!(class_of(group), snake_case(class));
        }
    }
}
