from rlc.retrievers.encoders.support.forward import attention_mask, padded


def test_rows_are_filled_up_behind_and_the_mask_says_where():
    rows = [[5, 6, 7], [8]]
    assert padded(rows, 9).tolist() == [[5, 6, 7], [8, 9, 9]]
    assert attention_mask(rows).tolist() == [[1, 1, 1], [1, 0, 0]]
