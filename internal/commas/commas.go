// Package commas reads lists in environment variables and flags.
package commas

import "strings"

// Split returns the elements of a list that is separated by commas. Spaces around
// elements and empty elements do not count.
func Split(list string) []string {
	var all []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}
