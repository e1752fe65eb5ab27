//! Missing, damaged, malicious or mismatched weights files, which are refused like other invalid input.

use crate::harness::{TestDir, refused};

#[test]
fn missing_truncated_or_incomplete_weights_are_refused() {
    let workplace = TestDir::with_photos();
    refused(&workplace, "train photos --weights nowhere.h5", "nowhere.h5");
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let whole = std::fs::read(fixture).expect("the fixture");
    workplace.write("cut.h5", &whole[..whole.len() / 2]);
    refused(&workplace, "train photos --last-layer block1_pool --weights cut.h5", "cut.h5");
    workplace.write("block1.h5", whole);
    refused(&workplace, "train photos --weights block1.h5", "`block2_conv1/kernel` is missing");
    workplace.write("page.h5", "<html>");
    refused(&workplace, "train photos --weights page.h5", "page.h5");
}

/// Returns a safetensors file with these arrays of zeros, cut short by `missing` bytes.
fn safetensors(arrays: &[(&str, &[usize])], missing: usize) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in arrays {
        let begin = end;
        end += 4 * shape.iter().product::<usize>();
        let entry =
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, end]});
        header.insert((*name).into(), entry);
    }
    let header = serde_json::Value::from(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.into_bytes());
    file.resize(file.len() + end - missing, 0);
    file
}

/// Returns a ZIP archive of `config.json` and `entry`, both with `content`.
fn zip(entry: &str, content: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for name in ["config.json", entry] {
        archive.start_file(name, options).expect("an entry");
        std::io::Write::write_all(&mut archive, content).expect("an entry");
    }
    archive.finish().expect("an archive").into_inner()
}

#[test]
fn damaged_and_hostile_weight_files_are_refused() {
    let workplace = TestDir::with_photos();
    let train =
        "train photos --image-size 32 --last-layer block1_pool --pooling max --epochs 1 --weights";
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let whole = std::fs::read(fixture).expect("the fixture");
    for tenth in 0..10 {
        let name = format!("cut-{tenth}.h5");
        workplace.write(&name, &whole[..whole.len() * tenth / 10]);
        refused(&workplace, &format!("{train} {name}"), &name);
    }
    let kernels: [(&str, &[usize]); 2] =
        [("block1_conv1/kernel", &[3, 3, 3, 64]), ("block1_conv1/bias", &[64])];
    workplace.write("claims.safetensors", safetensors(&kernels, 100));
    refused(&workplace, &format!("{train} claims.safetensors"), "claims.safetensors");
    let transposed: [(&str, &[usize]); 4] = [
        ("block1_conv1/kernel", &[64, 3, 3, 3]),
        ("block1_conv1/bias", &[64]),
        ("block1_conv2/kernel", &[64, 64, 3, 3]),
        ("block1_conv2/bias", &[64]),
    ];
    workplace.write("transposed.safetensors", safetensors(&transposed, 0));
    for shape in [
        "`block1_conv1/kernel` has the shape [64, 3, 3, 3], expected [3, 3, 3, 64]",
        "`block1_conv2/kernel` has the shape [64, 64, 3, 3], expected [3, 3, 64, 64]",
    ] {
        refused(&workplace, &format!("{train} transposed.safetensors"), shape);
    }
    let stored = zip::CompressionMethod::Stored;
    workplace.write("outside.keras", zip("../model.weights.h5", b"{}", stored));
    refused(&workplace, &format!("{train} outside.keras"), "../model.weights.h5");
    let bomb = zip("model.weights.h5", &vec![0; 50_000_000], zip::CompressionMethod::Deflated);
    assert!(bomb.len() < 200_000);
    workplace.write("bomb.keras", bomb);
    refused(&workplace, &format!("{train} bomb.keras"), "compressed");
    refused(&workplace, &format!("{train} none --head-from bomb.keras"), "compressed");
}

#[test]
fn keras_models_of_another_architecture_are_refused() {
    let workplace = TestDir::with_photos();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    let copy = |from: &str, to: &str| {
        workplace.write(to, std::fs::read(format!("{fixtures}/{from}")).expect("the fixture"));
    };
    copy("formats/keras3.keras", "other.keras");
    copy("head.keras", "head.keras");
    refused(&workplace, "train photos --weights none --head-from other.keras", "was not expected");
    refused(
        &workplace,
        "train photos --weights other.keras",
        "`norm/0` is not an array of `vgg16`",
    );
    refused(
        &workplace,
        "train photos --weights none --head-from head.keras",
        "`dense/kernel` has the shape [512, 256], expected [12800, 256]",
    );
    refused(&workplace, "train photos --weights none --head-from nowhere.keras", "nowhere.keras");
}
