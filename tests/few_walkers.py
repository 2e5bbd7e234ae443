"""The size of the synthetic data that most trainings of tests are on."""

FEW = {"train_ids": 8, "test_ids": 8, "cameras": 2, "frames": 8}
