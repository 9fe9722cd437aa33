"""Networks for videos, flows and MaxViT: shapes, gradients and errors; their values are in test_models."""

import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
models = vision.models


def test_small_videos():
    fl.manual_seed(0)
    net = models.video.r3d_18(num_classes=3)
    out = net(fl.rand(2, 3, 4, 16, 16))
    out.sum().backward()
    assert out.shape == (2, 3) and all(fl.isfinite(p.grad).all() for p in net.parameters())


def test_windows_larger_than_the_video():
    net = models.video.SwinTransformer3d([2, 4, 4], 8, [2], [2], [8, 7, 7], num_classes=3)
    assert net(fl.rand(1, 3, 3, 30, 20)).shape == (1, 3)
    with pytest.raises(ValueError, match="length 3"):
        models.video.swin_transformer.ShiftedWindowAttention3d(8, [2, 2], [0, 0], 2)


def test_one_frame():
    from flambeau.vision.models.video.mvit import MSBlockConfig

    rows = [
        MSBlockConfig(2, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
        MSBlockConfig(2, 8, 16, [], [3, 3, 3], [], [1, 1, 1]),
    ]
    for relative in (False, True):
        net = models.video.MViT(
            (16, 16), 1, rows, True, False, relative, True, num_classes=3, patch_embed_stride=(1, 4, 4)
        )
        assert net(fl.rand(2, 3, 16, 16)).shape == (2, 3)


def test_flows():
    fl.manual_seed(0)
    net = models.optical_flow.raft_large().eval()
    picture = fl.rand(1, 3, 128, 136)
    with fl.no_grad():
        flows = net(picture, picture, num_flow_updates=1)
    assert len(flows) == 1 and flows[0].shape == (1, 2, 128, 136)
    with pytest.raises(ValueError, match="divisible by 8"):
        net(picture[..., :130], picture[..., :130])
    with pytest.raises(ValueError, match="too small"):
        net(picture[..., :64, :64], picture[..., :64, :64])
    with pytest.raises(ValueError, match="same shape"):
        net(picture, picture[..., :128])


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="not divisible by partition size"):
        models.MaxVit((32, 32), 8, 7, [8], [1], 4, 0.0)


def test_lists():
    assert models.list_models(module=models.video) == [
        "mc3_18", "mvit_v1_b", "mvit_v2_s", "r2plus1d_18", "r3d_18", "s3d", "swin3d_b", "swin3d_s", "swin3d_t",
    ]  # fmt: skip
    assert models.list_models(module=models.optical_flow) == ["raft_large", "raft_small"]
