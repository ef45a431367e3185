// Mean and biased variance of the `count` values of a channel by a workgroup of 256. The importing kernel imports `shared/channel` and
// declares `fn value_at(row: u32, at: u32) -> f32`.
//
// The second pass corrects the mean of the first and is centred at it: a mean that is large beside the deviation does not
// cancel. Rounds: 2 * ceil(count / 256) + 24.

#import "shared/tree"

fn moments(row: u32, channel: u32, count: u32, local: u32) -> vec2<f32> {
    let share = 1.0 / f32(count);
    let step = channel_step();
    let first = element_of(channel, local);
    var sum = 0.0;
    var element = first;
    for (var j = local; j < count; j += 256u) {
        sum += value_at(row, element.at);
        element = next(element, step);
    }
    let centre = tree_sum(local, vec2<f32>(sum, 0.0)).x * share;
    var centred = vec2<f32>(0.0);
    element = first;
    for (var j = local; j < count; j += 256u) {
        let deviation = value_at(row, element.at) - centre;
        centred += vec2<f32>(deviation, deviation * deviation);
        element = next(element, step);
    }
    let means = tree_sum(local, centred) * share;
    return vec2<f32>(centre + means.x, max(means.y - means.x * means.x, 0.0));
}
