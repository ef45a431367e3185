// The normalisation of a channel, (v - mean) * factor + shift. The importing kernel declares `statistics` [A, C, 2],
// `parameters.channels`, `parameters.epsilon`, the constant AFFINE (0 none, 1 [C], 2 [A, C]) and, unless it is 0, `scale` and `shift`.

struct Channel {
    mean: f32,
    inverse: f32,
    factor: f32,
    shift: f32,
}

fn channel_of(row: u32) -> Channel {
    let mean = statistics[2u * row];
    let inverse = 1.0 / sqrt(statistics[2u * row + 1u] + parameters.epsilon);
#if AFFINE == 0
    return Channel(mean, inverse, inverse, 0.0);
#endif
#if AFFINE == 1
    let at = row % parameters.channels;
    return Channel(mean, inverse, inverse * scale[at], shift[at]);
#endif
#if AFFINE == 2
    return Channel(mean, inverse, inverse * scale[row], shift[row]);
#endif
}

fn normalised(channel: Channel, v: f32) -> f32 {
    return (v - channel.mean) * channel.factor + channel.shift;
}
