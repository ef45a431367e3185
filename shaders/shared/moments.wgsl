// Mean and biased variance of the `count` values of a channel by a workgroup of 256. The importing kernel declares
// `fn channel_value(row: u32, j: u32) -> f32`, the j-th value.
//
// The second pass corrects the mean of the first and is centred at it: a mean that is large beside the deviation does not
// cancel. Rounds: 2 * ceil(count / 256) + 24.

#import "shared/tree"

fn moments(row: u32, count: u32, local: u32) -> vec2<f32> {
    let share = 1.0 / f32(count);
    var sum = 0.0;
    for (var j = local; j < count; j += 256u) {
        sum += channel_value(row, j);
    }
    let centre = tree_sum(local, vec2<f32>(sum, 0.0)).x * share;
    var centred = vec2<f32>(0.0);
    for (var j = local; j < count; j += 256u) {
        let deviation = channel_value(row, j) - centre;
        centred += vec2<f32>(deviation, deviation * deviation);
    }
    let means = tree_sum(local, centred) * share;
    return vec2<f32>(centre + means.x, max(means.y - means.x * means.x, 0.0));
}
