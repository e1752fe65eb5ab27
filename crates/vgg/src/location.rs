//! Finds the base in a PyTorch state dict: the list of layers whose first kernel is VGG's, and the
//! module around it.
//!
//! Torchvision calls the list `features`. Training adds prefixes (`state_dict.`, `module.`), and
//! `DataParallel` around the list alone adds a name after it: PyTorch's ImageNet example writes
//! `features.module.0.weight`. A list that was saved alone has only numbers: `0.weight`.

use std::collections::BTreeMap;

use formats::{Array, ArrayInfo, Arrays};

/// Name of the list in torchvision.
const LIST: &str = "features.";

/// Name of the first kernel of a list.
const FIRST: &str = "0.weight";

/// Shape of the first kernel, (out, in, height, width).
const FIRST_SHAPE: [usize; 4] = [64, 3, 3, 3];

/// Names under which wrapper modules hold the module that they wrap.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Mean and standard deviation of torchvision's preprocessing, for images in 0..=1.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Location of the base in a state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// Prefix of the names of the dense layers, such as `module.`.
    root: String,
    /// Prefix of the numbers of the list, such as `module.features.`.
    pub(crate) list: String,
    /// True if the list is called `features`, as in torchvision.
    pub(crate) is_named: bool,
}

impl Location {
    /// Finds the base in `arrays`. Returns `None` if the arrays do not have PyTorch's names.
    ///
    /// # Errors
    ///
    /// Returns the prefixes of two lists if both may equally well be the base and their values
    /// differ.
    pub(crate) fn of(arrays: &Arrays) -> Result<Option<Self>, [String; 2]> {
        let list_of = |name: &String| Self::of_list(name.strip_suffix(FIRST)?);
        let lists: Vec<(Self, bool)> = arrays
            .iter()
            .filter_map(|(name, array)| Some((list_of(name)?, array.shape == FIRST_SHAPE)))
            .collect();
        let rank = |(location, fits): &(Self, bool)| (*fits, location.is_named);
        let best = lists.iter().map(rank).max().unwrap_or_default();
        let mut best = lists.iter().filter(|list| rank(list) == best && best != (false, false));
        let Some((location, _)) = best.next() else {
            // With this location, errors name the missing arrays as torchvision does.
            let is_of_pytorch = |name: &String| name.ends_with(".weight") && !name.contains('/');
            let is_of_pytorch = arrays.keys().any(is_of_pytorch);
            return Ok(is_of_pytorch.then(|| Self::of_list(LIST)).flatten());
        };
        let differs = |other: &Self| {
            arrays.iter().any(|(name, array)| {
                let rest = name.strip_prefix(&location.list);
                rest.is_some_and(|rest| arrays.get(&format!("{}{rest}", other.list)) != Some(array))
            })
        };
        match best.find(|(other, _)| differs(other)) {
            Some((other, _)) => Err([location.list.clone(), other.list.clone()]),
            None => Ok(Some(location.clone())),
        }
    }

    /// Returns the location of the base with the list at `list`, or `None` if `list` ends within a
    /// name.
    fn of_list(list: &str) -> Option<Self> {
        if !list.is_empty() && !list.ends_with('.') {
            return None;
        }
        let mut unwrapped = list;
        while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| strip_part(unwrapped, wrapper)) {
            unwrapped = inner;
        }
        let root = strip_part(unwrapped, LIST);
        let is_named = root.is_some();
        Some(Self { root: root.unwrap_or_default().to_owned(), list: list.to_owned(), is_named })
    }

    /// Returns the name in the file of the array that torchvision or timm calls `name`.
    pub(crate) fn name_in_file(&self, name: &str) -> String {
        match name.strip_prefix(LIST) {
            Some(rest) => format!("{}{rest}", self.list),
            None => format!("{}{name}", self.root),
        }
    }

    /// Returns the number in the list of the layer that the array `name` belongs to.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        name.strip_prefix(&self.list)?.split('.').next()?.parse().ok()
    }

    /// Returns true if the array `name` belongs to the base, whose last layer has the number `last`
    /// in the list. Later layers of a list without a name belong to a head.
    pub(crate) fn is_in_base(&self, name: &str, last: usize) -> bool {
        if self.is_named {
            name.starts_with(&self.list)
        } else {
            self.number(name).is_some_and(|number| number <= last)
        }
    }

    /// Finds an array outside the list that shows that the model normalizes its inputs differently
    /// from torchvision.
    pub(crate) fn other_normalization<'a>(
        &self,
        arrays: &'a Arrays,
    ) -> Option<(&'a str, &'a Array)> {
        let differs = |array: &Array, expected: [f32; 3]| {
            let close = |scale: f32| {
                array.data.iter().zip(expected).all(|(a, b)| (a - b * scale).abs() <= 1e-3 * scale)
            };
            !close(1.0) && !close(255.0)
        };
        let mut arrays = arrays.iter().map(|(name, array)| (name.as_str(), array));
        arrays.find(|(name, array)| {
            self.is_normalization(name, &array.shape, "mean") && differs(array, MEAN)
                || self.is_normalization(name, &array.shape, "std") && differs(array, DEVIATION)
        })
    }

    /// Finds an array outside the list that may normalize the inputs, but has an unsupported element
    /// type.
    pub(crate) fn unreadable_normalization<'a>(
        &self,
        unsupported: &'a BTreeMap<String, ArrayInfo>,
    ) -> Option<(&'a String, &'a ArrayInfo)> {
        unsupported.iter().find(|(name, info)| {
            ["mean", "std"].iter().any(|part| self.is_normalization(name, &info.shape, part))
        })
    }

    /// Returns true if an array outside the list holds a value per color channel and is called
    /// `part`, such as `mean`.
    fn is_normalization(&self, name: &str, shape: &[usize], part: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or_default();
        self.number(name).is_none()
            && shape.iter().product::<usize>() == 3
            && last.contains(part)
            && !last.starts_with("running_")
    }
}

/// Removes `part` from the end of the dotted path `path`. Returns `None` if `path` does not end
/// with `part` as a whole name.
fn strip_part<'a>(path: &'a str, part: &str) -> Option<&'a str> {
    path.strip_suffix(part).filter(|rest| rest.is_empty() || rest.ends_with('.'))
}
