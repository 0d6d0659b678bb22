package sim

import "slices"

// Shrink looks for the smallest part of a plan that still fails: it leaves out events, in
// larger and then in smaller pieces, and keeps what fails without them. It runs at most
// so many plans.
func Shrink(p Plan, runs int, fails func(Plan) bool) Plan {
	for size := max(1, len(p.Events)/2); ; size /= 2 {
		for at := 0; at < len(p.Events); {
			if runs--; runs < 0 {
				return p
			}
			smaller := p
			smaller.Events = slices.Delete(slices.Clone(p.Events), at, min(at+size, len(p.Events)))
			if fails(smaller) {
				p = smaller
			} else {
				at += size
			}
		}
		if size == 1 {
			return p
		}
	}
}
