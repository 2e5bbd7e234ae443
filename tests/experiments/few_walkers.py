"""The size of the synthetic data that most of these tests train on."""

FEW = {"train_ids": 8, "test_ids": 8, "cameras": 2, "frames": 8}
