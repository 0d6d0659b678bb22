package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// omission stands between two passages of one file.
const omission = "// …\n"

// TestQuotesAreExact: code that a document has from an example is there, letter by
// letter, so what readers copy is what the tests run.
func TestQuotesAreExact(t *testing.T) {
	quotes := 0
	for _, b := range goBlocks(t) {
		if b.source == "" {
			continue
		}
		quotes++
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(b.source)))
		if err != nil {
			t.Errorf("%s: %v", b.doc, err)
			continue
		}
		for passage := range strings.SplitSeq(b.code, omission) {
			if !strings.Contains("\n"+string(text), "\n"+passage) {
				t.Errorf("%s: this is not in %s:\n%s", b.doc, b.source, passage)
			}
		}
	}
	if quotes < 10 {
		t.Errorf("found only %d quotes", quotes)
	}
}
