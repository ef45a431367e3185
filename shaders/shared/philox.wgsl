// Philox4x32-10 (Salmon et al., SC 2011): 128 random bits as a function of a counter and a key. WGSL has no 64-bit
// product, so that the high word is put together from products of 16-bit halves.
//
// The convention of parnas: key = the seed's two words, counter = (element or group, step, site, block).

fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low_high = a_low * b_high;
    let high_low = a_high * b_low;
    let carry = ((a_low * b_low) >> 16u) + (low_high & 0xffffu) + (high_low & 0xffffu);
    return a_high * b_high + (low_high >> 16u) + (high_low >> 16u) + (carry >> 16u);
}

fn philox_round(c: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    let high_0 = multiply_high(0xd2511f53u, c.x);
    let high_1 = multiply_high(0xcd9e8d57u, c.z);
    return vec4<u32>(high_1 ^ c.y ^ key.x, 0xcd9e8d57u * c.z, high_0 ^ c.w ^ key.y, 0xd2511f53u * c.x);
}

fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    let weyl = vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    // Ten rounds written out: drivers and naga's loop bounding make short loops dear.
    var c = philox_round(counter, key);
    var k = key + weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    c = philox_round(c, k);
    k += weyl;
    return philox_round(c, k);
}
