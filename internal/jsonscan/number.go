package jsonscan

import (
	"math"
	"strconv"
)

// ParseNumber returns the value that JavaScript reads from a Number token: an infinity
// beyond the range of a float64.
func ParseNumber(text []byte) float64 {
	if v, ok := smallInt(text); ok {
		return float64(v)
	}
	f, _ := strconv.ParseFloat(string(text), 64) // the text is valid, so the only error is the range
	return f
}

// smallInt reads integers of up to 15 digits, which a float64 holds exactly.
func smallInt(text []byte) (v int64, ok bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		v = -v
	}
	return v, true
}

// AppendNumber appends a number the way JavaScript prints it (ECMAScript's
// Number::toString), and null for NaN and infinities.
func AppendNumber(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.AppendInt(dst, int64(f), 10) // -0 is 0
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// JavaScript pads no exponent: 1e-7, not 1e-07.
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
