"""Data sets that are picture files with lists, each as its makers arrange them; the pairs are torchvision's."""

import json

import numpy as np
import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
D = vision.datasets


class Site:
    """A folder in which small data sets are made; each picture has one shade, its number."""

    def __init__(self, root):
        self.root, self.shade = root, 0

    def place(self, path):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def pictures(self, *paths):
        from PIL import Image

        for path in paths:
            self.shade += 10
            grey = path.endswith(("trimap.png", "areas.png"))
            image = Image.new("L" if grey else "RGB", (32, 24), self.shade if grey else (self.shade,) * 3)
            image.save(self.place(path), **({"quality": 100} if path.endswith(("jpg", "jpeg")) else {}))

    def text(self, path, text):
        self.place(path).write_text(text)

    def matlab(self, path, **values):
        io = pytest.importorskip("scipy.io")
        io.savemat(self.place(path), values)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def pairs(data):
    """[(number of the picture, target)]."""
    return [(int(np.asarray(image.convert("L")).mean().round()) // 10, target) for image, target in data]


def test_food(site):
    site.text("food-101/meta/train.json", json.dumps({"b": ["b/2", "b/1"], "a": ["a/9"]}))
    site.pictures("food-101/images/b/2.jpg", "food-101/images/b/1.jpg", "food-101/images/a/9.jpg")
    data = D.Food101(str(site.root))
    assert pairs(data) == [(1, 1), (2, 1), (3, 0)] and data.classes == ["a", "b"] and "Split: train" in repr(data)
    site.text("food-101/meta/train.json", '{"b": [')
    with pytest.raises(RuntimeError, match="damaged"):
        D.Food101(site.root)


def test_textures(site):
    site.text("dtd/dtd/labels/train1.txt", "z/z_1.jpg\nk/k_2.jpg\n")
    site.pictures("dtd/dtd/images/z/z_1.jpg", "dtd/dtd/images/k/k_2.jpg")
    assert pairs(D.DTD(site.root)) == [(1, 1), (2, 0)]
    with pytest.raises(FileNotFoundError):
        D.DTD(site.root, partition=2)


def test_aeroplanes(site):
    home = "fgvc-aircraft-2013b/data"
    site.text(f"{home}/variants.txt", "707-320\nA 3\n")
    site.text(f"{home}/images_variant_trainval.txt", "12 A 3\n13 707-320\n")
    site.pictures(f"{home}/images/12.jpg", f"{home}/images/13.jpg")
    assert pairs(D.FGVCAircraft(site.root)) == [(1, 1), (2, 0)]


def test_scenes_and_things(site):
    site.text("SUN397/ClassName.txt", "/a/abbey\n/b/bar/out\n")
    site.pictures("SUN397/a/abbey/sun_1.jpg", "SUN397/b/bar/out/sun_2.jpg")
    data = D.SUN397(site.root)
    assert pairs(data) == [(1, 0), (2, 1)] and data.classes == ["abbey", "bar/out"]
    scenes = [{"image_filename": "q_1.png", "objects": [1, 2]}, {"image_filename": "q_0.png", "objects": []}]
    site.text("clevr/CLEVR_v1.0/scenes/CLEVR_train_scenes.json", json.dumps({"scenes": scenes}))
    site.pictures(*(f"clevr/CLEVR_v1.0/images/{name}.png" for name in ("train/q_0", "train/q_1", "test/t")))
    assert pairs(D.CLEVRClassification(site.root)) == [(3, 0), (4, 2)]
    assert pairs(D.CLEVRClassification(site.root, "test")) == [(5, None)]


def test_signs_and_sentences(site):
    site.pictures("gtsrb/GTSRB/Training/00000/a.ppm", "gtsrb/GTSRB/Training/00007/a.ppm")
    site.pictures("gtsrb/GTSRB/Final_Test/Images/00.ppm")
    site.text("gtsrb/GT-final_test.csv", "Filename;Width;ClassId\n00.ppm;3;7\n")
    assert pairs(D.GTSRB(site.root)) == [(1, 0), (2, 1)] and pairs(D.GTSRB(site.root, "test")) == [(3, 7)]
    site.text("gtsrb/GT-final_test.csv", "Filename;Width\n00.ppm;3\n")
    with pytest.raises(RuntimeError, match="ClassId"):
        D.GTSRB(site.root, "test")
    site.pictures("rendered-sst2/valid/negative/1.png", "rendered-sst2/valid/positive/1.png")
    assert pairs(D.RenderedSST2(site.root, "val")) == [(4, 0), (5, 1)]


def test_folders(site):
    site.pictures("country211/valid/AD/1.jpg", "country211/valid/ZW/1.jpg", "eurosat/2750/River/1.jpg")
    assert pairs(D.Country211(site.root, "valid")) == [(1, 0), (2, 1)] and pairs(D.EuroSAT(site.root)) == [(3, 0)]
    site.pictures(*(f"imagenette2/val/{name}/1.jpeg" for name in D.Imagenette._NAMES))
    data = D.Imagenette(site.root, "val")
    assert [target for _, target in pairs(data)] == list(range(10)) and data.class_to_idx["chute"] == 9


def test_flowers_and_cars(site):
    places = {"trnid": np.array([[2, 1]]), "valid": np.array([[3]]), "tstid": np.array([[1, 3]])}
    site.matlab("flowers-102/setid.mat", **places)
    site.matlab("flowers-102/imagelabels.mat", labels=np.array([[5, 6, 7]]))
    site.pictures(*(f"flowers-102/jpg/image_{n:05d}.jpg" for n in (1, 2, 3)))
    assert pairs(D.Flowers102(site.root)) == [(2, 5), (1, 4)] and len(D.Flowers102(site.root, "test")) == 2
    rows = np.array([("1.jpg", 2), ("2.jpg", 1)], dtype=[("fname", object), ("class", object)])
    site.matlab("stanford_cars/devkit/cars_meta.mat", class_names=np.array(["Audi X", "BMW Y"], object))
    site.matlab("stanford_cars/devkit/cars_train_annos.mat", annotations=rows)
    site.pictures("stanford_cars/cars_train/1.jpg", "stanford_cars/cars_train/2.jpg")
    assert pairs(D.StanfordCars(site.root)) == [(4, 1), (5, 0)]
    with pytest.raises(RuntimeError, match="original address is gone"):
        D.StanfordCars(site.root, download=True)
    site.text("flowers-102/setid.mat", "no such file")
    with pytest.raises(RuntimeError, match="damaged"):
        D.Flowers102(site.root)


def test_caltech(site):
    home = "caltech101/101_ObjectCategories"
    site.pictures(f"{home}/Faces/image_0001.jpg", f"{home}/Faces/image_0002.jpg", f"{home}/ant/image_0001.jpg")
    site.pictures(f"{home}/BACKGROUND_Google/image_0001.jpg")
    assert pairs(D.Caltech101(site.root)) == [(1, 0), (2, 0), (3, 1)]
    site.matlab("caltech101/Annotations/Faces_2/annotation_0001.mat", obj_contour=np.ones((2, 4)))
    image, (label, outline) = D.Caltech101(site.root, ["category", "annotation"])[0]
    assert label == 0 and outline.shape == (2, 4)
    for label, name in enumerate(("001.ak47", "002.flag"), 1):
        site.pictures(*(f"caltech256/256_ObjectCategories/{name}/{label:03d}_{n:04d}.jpg" for n in (1, 2)))
    assert [target for _, target in pairs(D.Caltech256(site.root))] == [0, 0, 1, 1]


def test_voc(site):
    home = "VOCdevkit/VOC2012"
    site.text(f"{home}/ImageSets/Main/train.txt", "p1\np2\n")
    site.text(f"{home}/ImageSets/Segmentation/train.txt", "p1\n")
    site.pictures(f"{home}/JPEGImages/p1.jpg", f"{home}/JPEGImages/p2.jpg")
    site.pictures(f"{home}/SegmentationClass/p1.png")
    body = "<object><name>c</name><part><x>1</x></part><part><x>2</x></part></object>"
    site.text(f"{home}/Annotations/p1.xml", f"<annotation><size><w>3</w></size>{body}</annotation>")
    site.text(f"{home}/Annotations/p2.xml", "<annotation><size>")
    data = D.VOCDetection(site.root)
    found = {"size": {"w": "3"}, "object": [{"name": "c", "part": [{"x": "1"}, {"x": "2"}]}]}
    assert len(data) == 2 and data[0][1] == {"annotation": found}
    with pytest.raises(RuntimeError, match="damaged"):
        data[1]
    laughs = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
    site.text(f"{home}/Annotations/p2.xml", laughs)
    with pytest.raises(RuntimeError, match="entities"):
        data[1]
    assert np.asarray(D.VOCSegmentation(site.root)[0][1]).shape[:2] == (24, 32)
    with pytest.raises(ValueError, match="image_set"):
        D.VOCDetection(site.root, image_set="test")
    with pytest.raises(RuntimeError, match="Dataset not found"):
        D.VOCDetection(site.root, image_set="val")


def test_pets(site):
    home = "oxford-iiit-pet"
    site.text(f"{home}/annotations/trainval.txt", "Abyssinian_100 1 1 1\namerican_bulldog_10 2 2 1\n")
    for name in ("Abyssinian_100", "american_bulldog_10"):
        site.pictures(f"{home}/images/{name}.jpg", f"{home}/annotations/trimaps/{name}.png")
    data = D.OxfordIIITPet(site.root, target_types=["category", "binary-category", "segmentation"])
    assert data.classes == ["Abyssinian", "American Bulldog"] and data[1][1][:2] == (1, 1)
    assert data[1][1][2].size == (32, 24)
    assert pairs(D.OxfordIIITPet(site.root, transforms=lambda image, target: (image, target + 5))) == [(1, 5), (3, 6)]


def test_faces(site, monkeypatch):
    monkeypatch.setattr(D.CelebA, "file_list", [(n, None, name) for n, _, name in D.CelebA.file_list])
    site.text("celeba/list_eval_partition.txt", "1.jpg 0\n2.jpg 1\n3.jpg 0\n")
    site.text("celeba/list_attr_celeba.txt", "3\nBald Young\n1.jpg -1 1\n2.jpg 1 1\n3.jpg 1 -1\n")
    site.text("celeba/identity_CelebA.txt", "1.jpg 7\n2.jpg 8\n3.jpg 9\n")
    site.text("celeba/list_bbox_celeba.txt", "3\nimage_id x_1\n1.jpg 1\n2.jpg 2\n3.jpg 5\n")
    site.text("celeba/list_landmarks_align_celeba.txt", "3\na b\n1.jpg 1 2\n2.jpg 3 4\n3.jpg 5 6\n")
    with pytest.raises(RuntimeError, match="not found"):
        D.CelebA(site.root)
    site.pictures(*(f"celeba/img_align_celeba/{n}.jpg" for n in (1, 2, 3)))
    data = D.CelebA(site.root, target_type=["attr", "identity", "bbox", "landmarks"])
    assert len(data) == 2 and [x.tolist() for x in data[1][1]] == [[1, 0], 9, [5], [5, 6]]
    assert D.CelebA(site.root, "all", target_type=[])[2][1] is None
    site.text("celeba/identity_CelebA.txt", "1.jpg seven\n")
    with pytest.raises(RuntimeError, match="damaged"):
        D.CelebA(site.root)


def test_characters(site, monkeypatch):
    for alphabet in ("Greek", "Latin"):
        site.pictures(*(f"omniglot-py/images_background/{alphabet}/character01/{n}.png" for n in (1, 2)))
    data = D.Omniglot(str(site.root))
    assert pairs(data) == [(1, 0), (2, 0), (3, 1), (4, 1)] and data[0][0].mode == "L"
    rows = np.zeros((2, 266))
    rows[0, 3], rows[0, 258], rows[1, 265] = 1, 1, 1
    np.savetxt(site.place("semeion.data"), rows, fmt="%.4f")
    import hashlib

    digits = hashlib.md5((site.root / "semeion.data").read_bytes()).hexdigest()
    monkeypatch.setattr(D.SEMEION, "md5_checksum", digits)
    data = D.SEMEION(site.root)
    assert [target for _, target in data] == [2, 9] and np.asarray(data[0][0])[0, 3] == 255


def test_moving_digits(site):
    frames = np.arange(20 * 3 * 4 * 4).reshape(20, 3, 4, 4).astype(np.uint8)
    np.save(site.place("MovingMNIST/mnist_test_seq.npy"), frames)
    assert D.MovingMNIST(site.root)[1].shape == (20, 1, 4, 4) and len(D.MovingMNIST(site.root)) == 3
    assert D.MovingMNIST(site.root, "train", 5)[0].shape[0] == 5
    np.testing.assert_array_equal(D.MovingMNIST(site.root, "test", 5)[2][:, 0].numpy(), frames[5:, 2])
    site.text("MovingMNIST/mnist_test_seq.npy", "nothing")
    with pytest.raises(RuntimeError, match="damaged"):
        D.MovingMNIST(site.root)


def test_imagenet(site, monkeypatch):
    import tarfile

    io = pytest.importorskip("scipy.io")
    home = site.root / "ILSVRC2012_devkit_t12" / "data"
    home.mkdir(parents=True)
    kinds = [
        ("ILSVRC2012_ID", object),
        ("WNID", object),
        ("words", object),
        ("gloss", object),
        ("num_children", object),
    ]
    rows = [(1, "n01", "tench, fish", "x", 0), (2, "n02", "cock", "x", 0), (3, "n00", "animal", "x", 2)]
    io.savemat(home / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    (home / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n")
    archives = {key: (name, None) for key, (name, _) in D.imagenet.ARCHIVE_META.items()}
    monkeypatch.setattr(D.imagenet, "ARCHIVE_META", archives)
    with pytest.raises(RuntimeError, match="devkit.*download it externally"):
        D.ImageNet(site.root)
    with tarfile.open(site.root / archives["devkit"][0], "w:gz") as archive:
        archive.add(site.root / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    site.pictures("in/val_1.JPEG", "in/val_2.JPEG", "in/n01_1.JPEG")
    with tarfile.open(site.root / archives["val"][0], "w") as archive:
        for name in ("val_1.JPEG", "val_2.JPEG"):
            archive.add(site.root / "in" / name, name)
    with tarfile.open(site.root / "n01.tar", "w") as archive:
        archive.add(site.root / "in" / "n01_1.JPEG", "n01_1.JPEG")
    with tarfile.open(site.root / archives["train"][0], "w") as archive:
        archive.add(site.root / "n01.tar", "n01.tar")
    data = D.ImageNet(str(site.root), "val")
    assert [target for _, target in pairs(data)] == [0, 1] and data.wnids == ["n01", "n02"]
    assert data.classes == [("tench", "fish"), ("cock",)] and data.class_to_idx["fish"] == 0
    assert len(D.ImageNet(str(site.root), "train")) == 1
    assert not [path for path in site.root.iterdir() if path.name.startswith("tmp")]


def test_missing_folders_say_so(tmp_path):
    for name in ("Food101", "DTD", "Flowers102", "OxfordIIITPet", "Caltech101", "Caltech256", "GTSRB", "SUN397",
                 "EuroSAT", "Country211", "VOCDetection", "CelebA", "Omniglot", "FER2013"):  # fmt: skip
        with pytest.raises(RuntimeError, match="not found"):
            getattr(D, name)(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_streets_and_faces(site):
    row = "Car 0.50 1 -1.57 10.0 20.0 30.5 40.0 1.5 1.6 3.7 1.0 2.0 9.0 -1.6\n"
    site.pictures("Kitti/raw/training/image_2/0.png", "Kitti/raw/testing/image_2/0.png")
    site.text("Kitti/raw/training/label_2/0.txt", row)
    (_, (thing,)), (_, nothing) = D.Kitti(site.root)[0], D.Kitti(site.root, train=False)[0]
    assert thing["bbox"] == [10, 20, 30.5, 40] and thing["rotation_y"] == -1.6 and nothing is None
    site.text("Kitti/raw/training/label_2/0.txt", "Car 0.50\n")
    with pytest.raises(RuntimeError, match="damaged"):
        D.Kitti(site.root)[0]
    names = "wider_face_split/wider_face_train_bbx_gt.txt"
    faces = "a/1.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n5 6 7 8 1 0 1 0 2 1\nb/2.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
    site.text(f"widerface/{names}", faces)
    site.pictures("widerface/WIDER_train/images/a/1.jpg", "widerface/WIDER_train/images/b/2.jpg")
    data = D.WIDERFace(str(site.root))
    assert len(data) == 2 and data[0][1]["bbox"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert data[0][1]["invalid"].tolist() == [0, 1] and data[1][1]["bbox"].tolist() == [[0, 0, 0, 0]]
    site.text(f"widerface/{names}", "a/1.jpg\nmany\n")
    with pytest.raises(RuntimeError, match="damaged"):
        D.WIDERFace(str(site.root))


def test_marked_for_transforms(site):
    tv = vision.tv_tensors
    things = [{"id": 1, "image_id": 7, "bbox": [1, 2, 3, 4], "category_id": 5, "area": 3}]
    images = [{"id": n, "file_name": f"{n}.png"} for n in (7, 3)]
    site.text("coco.json", json.dumps({"images": images, "annotations": things}))
    site.pictures("7.png", "3.png")
    flip = vision.transforms.v2.RandomHorizontalFlip(1.0)
    data = D.CocoDetection(str(site.root), str(site.root / "coco.json"), transforms=flip)
    wrapped = D.wrap_dataset_for_transforms_v2(data)
    assert isinstance(wrapped, D.CocoDetection) and len(wrapped) == 2 and wrapped.ids == [3, 7]
    _, target = wrapped[1]
    assert isinstance(target["boxes"], tv.BoundingBoxes) and target["boxes"].tolist() == [[28, 2, 31, 6]]
    assert target["labels"].tolist() == [5] and target["image_id"] == 7 and wrapped[0][1] == {"image_id": 3}
    chosen = D.wrap_dataset_for_transforms_v2(data, target_keys=["area"])[1][1]
    assert chosen == {"area": [3]}
    import pickle

    again = pickle.loads(pickle.dumps(wrapped))
    assert again[1][1]["image_id"] == 7 and type(again).__name__ == "WrappedCocoDetection"
    with pytest.raises(TypeError, match="No wrapper"):
        D.wrap_dataset_for_transforms_v2([1, 2])
    with pytest.raises(ValueError, match="target_keys"):
        D.wrap_dataset_for_transforms_v2(D.FakeData(1), target_keys="all")


def test_modules_have_torchvisions_names():
    import importlib

    home = D.__name__
    assert importlib.import_module(f"{home}.food101").Food101 is D.Food101
    assert importlib.import_module(f"{home}.kitti").Kitti is D.Kitti
    assert importlib.import_module(f"{vision.__name__}.io.image").ImageReadMode is vision.io.ImageReadMode


def test_stores_without_files(site):
    for make in (lambda: D.PCAM(site.root), lambda: D.LSUN(site.root, ["tower_val"])):
        with pytest.raises(RuntimeError, match="Dataset not found"):
            make()
    with pytest.raises(ValueError, match="moon"):
        D.LSUN(site.root, ["moon_train"])
