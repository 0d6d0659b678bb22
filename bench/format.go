package bench

import (
	"fmt"
	"math"
	"strconv"
)

// count formats a number with commas, to three digits or as an integer.
func count(n float64) string {
	digits := strconv.FormatInt(int64(math.Round(n)), 10)
	out := ""
	for len(digits) > 3 {
		out = "," + digits[len(digits)-3:] + out
		digits = digits[:len(digits)-3]
	}
	return digits + out
}

// short formats a number to three digits.
func short(n float64) string {
	switch {
	case n == 0:
		return "0"
	case math.Abs(n) >= 100:
		return count(n)
	case math.Abs(n) >= 10:
		return fmt.Sprintf("%.1f", n)
	case math.Abs(n) >= 1:
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.3f", n)
}
