package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// root is the folder of the module.
var root = filepath.Join("..", "..")

// fence is a Go block, and the comment before it if it is quoted.
var fence = regexp.MustCompile("(?ms)^(?:<!-- from ([^\n]+) -->\n)?```go\n(.*?)^```")

// block is a Go block of a document.
type block struct {
	doc    string // the document's name
	source string // the file that it is quoted from; "" if it is of its own
	code   string
}

// goBlocks are those of all documents.
func goBlocks(t *testing.T) []block {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, doc := range append(docs, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range fence.FindAllSubmatch(text, -1) {
			blocks = append(blocks, block{filepath.Base(doc), string(match[1]), string(match[2])})
		}
	}
	return blocks
}
