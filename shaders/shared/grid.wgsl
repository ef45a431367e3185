// Flat indices. A dimension of a dispatch holds at most 65,535 workgroups, so long one-dimensional grids are folded
// into x and y on the host (`grid::linear` beside the launch) and flattened again here.

fn flat_workgroup(workgroup: vec3<u32>, groups: vec3<u32>) -> u32 {
    return workgroup.x + workgroup.y * groups.x;
}

fn flat_invocation(workgroup: vec3<u32>, groups: vec3<u32>, local: u32, size: u32) -> u32 {
    return flat_workgroup(workgroup, groups) * size + local;
}
