//! Properties of every split with groups.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use photos::{Cache, Folder, ImageDataset, PhotosError, Split, SplitShares, assign_splits};
use proptest::prelude::*;
use random::{AddressedRng, Purpose};

/// Returns images of the classes `a` and `b`, numbered in this order.
fn images(counts: [usize; 2]) -> ImageDataset {
    let data = tempfile::tempdir().expect("a temporary folder");
    for (class, count) in ["a", "b"].into_iter().zip(counts) {
        std::fs::create_dir(data.path().join(class)).expect("a writable folder");
        for number in 0..count {
            let path = data.path().join(class).join(format!("{number:03}.png"));
            let image = RgbImage::from_pixel(1, 1, Rgb([number as u8; 3]));
            image.save_with_format(path, ImageFormat::Png).expect("a writable folder");
        }
    }
    ImageDataset::load(
        &Folder::scan(data.path()).expect("classes"),
        [1, 1],
        &Cache::in_memory(usize::MAX),
    )
    .expect("images")
    .0
}

/// Returns the indices in `whole` of the images in `part`.
fn numbers(whole: &ImageDataset, part: &ImageDataset) -> Vec<usize> {
    let paths: Vec<&Path> = (0..whole.labels().len()).map(|at| whole.path(at)).collect();
    let number = |at| paths.iter().position(|path| *path == part.path(at)).expect("one of them");
    (0..part.labels().len()).map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn groups_stay_whole_and_the_fraction_is_met_if_possible(
        counts in [2usize..30, 2usize..30], share in 0.05f64..0.95, seed: u64,
        sizes in proptest::collection::vec(1usize..5, 0..10), order: u64,
    ) {
        let photos = images(counts);
        let total = counts[0] + counts[1];
        // Groups may have images of both classes. `order` determines the order of the images.
        let mut pool: Vec<usize> = (0..total).collect();
        pool.sort_by_key(|&at| (at as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
        let mut pool = pool.into_iter();
        let groups: Vec<Vec<usize>> = sizes.iter().map(|&size| pool.by_ref().take(size).collect()).collect();

        match photos.clone().split_grouped(share, seed, &groups) {
            Ok((train, validation)) => {
                let sides = [numbers(&photos, &train), numbers(&photos, &validation)];
                let mut all = sides.concat();
                all.sort();
                prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
                for group in &groups {
                    let kept = group.iter().filter(|at| sides[1].contains(at)).count();
                    prop_assert!(kept == 0 || kept == group.len(), "{:?} {:?}", group, sides);
                }
                for (label, count) in counts.into_iter().enumerate() {
                    let kept = validation.labels().iter().filter(|&&found| found == label).count();
                    prop_assert!(kept > 0 && kept < count);
                    let wanted = ((count as f64 * share).round() as usize).clamp(1, count - 1);
                    let alone = (0..total).filter(|at| {
                        photos.labels()[*at] == label && !groups.iter().flatten().any(|other| other == at)
                    });
                    let spare = alone.filter(|at| sides[0].contains(at)).count();
                    prop_assert!(kept >= wanted || spare == 0, "{kept} of {wanted}, {spare} to spare");
                }
                let again = photos.clone().split_grouped(share, seed, &groups).expect("the same");
                prop_assert_eq!(numbers(&photos, &again.1), &sides[1][..]);
            }
            Err(error) => {
                // Only possible if groups cover whole classes.
                let is_one_group = matches!(error, PhotosError::OneGroup { .. });
                prop_assert!(is_one_group && groups.iter().any(|group| group.len() > 1), "{error}");
            }
        }
    }
}

proptest! {
    /// Each split has images of each class, and no group is in two of them.
    #[test]
    fn test_splits_keep_groups_whole(
        counts in [3usize..30, 3usize..30], share in 0.05f64..0.6, of_test in 0.05f64..0.39,
        seed: u64, sizes in proptest::collection::vec(1usize..4, 0..8),
    ) {
        let classes = ["a", "b"].map(String::from);
        let labels: Vec<usize> =
            (0..counts[0] + counts[1]).map(|at| usize::from(at >= counts[0])).collect();
        let mut pool = (0..labels.len()).rev();
        let groups = sizes.iter().map(|&size| pool.by_ref().take(size).collect::<Vec<usize>>());
        let groups: Vec<Vec<usize>> = groups.filter(|group| !group.is_empty()).collect();
        let shares = SplitShares { validation: Some(share), test: Some(of_test) };
        let Ok(splits) = assign_splits(&labels, &classes, shares, seed, &groups) else {
            let spans = |group: &Vec<usize>| labels[group[0]] != labels[*group.last().expect("one")];
            let has_groups = |label: usize| {
                let grouped = groups.iter().filter(|group| labels[group[0]] == label);
                let images: usize = grouped.clone().map(Vec::len).sum();
                grouped.count() + counts[label] - images.min(counts[label]) >= 3
            };
            // Without groups of both classes, three groups of each suffice.
            prop_assert!(groups.iter().any(spans) || !has_groups(0) || !has_groups(1));
            return Ok(());
        };
        for group in &groups {
            prop_assert!(group.iter().all(|&at| splits[at] == splits[group[0]]));
        }
        for (label, total) in counts.into_iter().enumerate() {
            let count = |split| (0..labels.len()).filter(|&at| labels[at] == label && splits[at] == split).count();
            prop_assert!([Split::Train, Split::Validation, Split::Test].map(count).iter().all(|&count| count > 0));
            if groups.is_empty() {
                let wanted = (total as f64 * of_test).round() as usize;
                prop_assert_eq!(count(Split::Test), wanted.clamp(1, total - 1 - count(Split::Validation)));
            }
        }
    }
}

#[test]
fn split_without_groups_equals_the_plain_split() {
    let photos = images([17, 8]);
    let plain = photos.clone().split(0.3, 5).expect("a split");
    let singles: Vec<Vec<usize>> = (0..25).map(|at| vec![at]).collect();
    for groups in [vec![], singles] {
        let grouped = photos.clone().split_grouped(0.3, 5, &groups).expect("a split");
        assert_eq!(numbers(&photos, &grouped.1), numbers(&photos, &plain.1));
    }
    // The first images of each class in the order of its draws: 5.1 of 17 and 2.4 of 8.
    let first = |label: u64, mut members: Vec<usize>, count: usize| {
        AddressedRng::at(5, Purpose::Split, 0, label).shuffle(&mut members);
        members.truncate(count);
        members.sort();
        members
    };
    let expected = [first(0, (0..17).collect(), 5), first(1, (17..25).collect(), 2)].concat();
    assert_eq!(numbers(&photos, &plain.1), expected);
}

#[test]
fn class_of_one_group_is_an_error_that_names_it() {
    let photos = images([3, 4]);
    let error = photos.split_grouped(0.3, 5, &[vec![0, 1, 2]]).expect_err("one group");
    let text = error.to_string();
    assert!(text.contains("the 3 images of the class `a`"), "{text}");
}
