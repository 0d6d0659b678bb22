package oracle

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// difference is a row of docs/differences.md: where it says so, what Node's transcript
// has in one place stands differently in ours.
type difference struct {
	id                           string
	scenario, transport, servers string // patterns
	node, ours                   []line
	needed                       atomic.Bool
}

// line is one of an actor's transcript.
type line struct{ actor, text string }

// readDifferences reads the table whose first column is called "id".
func readDifferences(file string) ([]*difference, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []*difference
	inTable := false
	for row := range strings.Lines(string(text)) {
		row = strings.TrimSpace(row)
		if !strings.HasPrefix(row, "|") {
			inTable = false
			continue
		}
		columns := splitRow(row)
		switch {
		case columns[0] == "id":
			inTable = true
		case !inTable || strings.Trim(columns[0], "-: ") == "":
		case len(columns) != 7 || slices.Contains(columns, ""):
			return nil, fmt.Errorf("%s: a row needs seven columns, none of them empty: %s", file, row)
		default:
			d := &difference{id: columns[0], scenario: columns[1], transport: columns[2], servers: columns[3]}
			if d.node, err = splitLines(columns[4]); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, d.id, err)
			}
			if d.ours, err = splitLines(columns[5]); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, d.id, err)
			}
			if len(d.node)+len(d.ours) == 0 {
				return nil, fmt.Errorf("%s: %s: no lines", file, d.id)
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// splitRow splits a row at the bars that are not escaped.
func splitRow(row string) []string {
	const escaped = "\x00"
	row = strings.ReplaceAll(row, `\|`, escaped)
	columns := strings.Split(strings.Trim(row, "|"), "|")
	for i := range columns {
		columns[i] = strings.TrimSpace(strings.ReplaceAll(columns[i], escaped, "|"))
	}
	return columns
}

// splitLines reads `actor: line`<br>`actor: line`; a dash is no line.
func splitLines(column string) ([]line, error) {
	if column == "–" || column == "-" {
		return nil, nil
	}
	var all []line
	for text := range strings.SplitSeq(column, "<br>") {
		text = strings.Trim(strings.TrimSpace(text), "`")
		actor, rest, ok := strings.Cut(text, ": ")
		if !ok {
			return nil, fmt.Errorf("%q is not an actor and a line", text)
		}
		all = append(all, line{actor, rest})
	}
	return all, nil
}

// concerns tells whether the difference is one of a cell.
func (d *difference) concerns(c cell, who string) bool {
	return matches(d.scenario, c.Scenario) && matches(d.transport, c.Transport) && matches(d.servers, who)
}

// matches takes a pattern, or several with "or" between them.
func matches(pattern, text string) bool {
	for p := range strings.SplitSeq(pattern, " or ") {
		// A slash in a scenario's name is nothing special.
		if ok, err := path.Match(strings.ReplaceAll(p, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00")); ok && err == nil {
			return true
		}
	}
	return false
}

// apply makes of Node's transcript what ours may be: wherever an actor's lines stand
// one after the other in it, ours stand there; where Node has none, ours are the last
// ones. It says whether all was found.
func (d *difference) apply(t transcript) bool {
	from, to := byActor(d.node), byActor(d.ours)
	for actor := range from {
		if !contains(t[actor], from[actor]) {
			return false
		}
	}
	for actor := range to {
		if len(from[actor]) == 0 {
			t[actor] = slices.Concat(t[actor], to[actor])
		}
	}
	for actor := range from {
		if t[actor] = replace(t[actor], from[actor], to[actor]); len(t[actor]) == 0 {
			delete(t, actor)
		}
	}
	return true
}

func byActor(lines []line) transcript {
	t := transcript{}
	for _, l := range lines {
		t[l.actor] = append(t[l.actor], l.text)
	}
	return t
}

func contains(lines, part []string) bool {
	for i := range lines {
		if i+len(part) <= len(lines) && slices.Equal(lines[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func replace(lines, from, to []string) []string {
	lines = slices.Clone(lines)
	for i := 0; i+len(from) <= len(lines); {
		if slices.Equal(lines[i:i+len(from)], from) {
			lines = slices.Replace(lines, i, i+len(from), to...)
			i += len(to)
		} else {
			i++
		}
	}
	return lines
}

// compare returns how ours is not what Node's is, or may be.
func compare(c cell, who string, node, ours transcript, known []*difference) string {
	if maps.EqualFunc(node, ours, slices.Equal) {
		return ""
	}
	expected := maps.Clone(node)
	var used []*difference
	for _, d := range known {
		if d.concerns(c, who) && d.apply(expected) {
			used = append(used, d)
		}
	}
	var text strings.Builder
	actors := slices.Concat(slices.Collect(maps.Keys(expected)), slices.Collect(maps.Keys(ours)))
	slices.Sort(actors)
	for _, actor := range slices.Compact(actors) {
		if !slices.Equal(expected[actor], ours[actor]) {
			fmt.Fprintf(&text, "%s, %s:\n%s", who, actor, sideBySide(expected[actor], ours[actor]))
		}
	}
	if text.Len() == 0 {
		for _, d := range used {
			d.needed.Store(true)
		}
	}
	return text.String()
}

// sideBySide shows two lists, and marks where they differ.
func sideBySide(node, ours []string) string {
	var b strings.Builder
	for i := range max(len(node), len(ours)) {
		switch {
		case i < len(node) && i < len(ours) && node[i] == ours[i]:
			fmt.Fprintf(&b, "         %s\n", node[i])
		default:
			if i < len(node) {
				fmt.Fprintf(&b, "    node %s\n", node[i])
			}
			if i < len(ours) {
				fmt.Fprintf(&b, "    ours %s\n", ours[i])
			}
		}
	}
	return b.String()
}

func TestDifferencesAreApplied(t *testing.T) {
	c := cell{"a scenario", "polling"}
	node := transcript{"a": {"connect", `event "x"`, `disconnect "io"`}, "b": {"connect"}}
	ours := transcript{"a": {"connect", `disconnect "io"`}, "b": {"connect"}}
	row := func(scenario, transport string) *difference {
		return &difference{id: "x", scenario: scenario, transport: transport, servers: "*", node: []line{{"a", `event "x"`}}}
	}
	for _, try := range []struct {
		name  string
		known []*difference
		fine  bool
	}{
		{"unknown", nil, false},
		{"another scenario", []*difference{row("b*", "*")}, false},
		{"another transport", []*difference{row("a*", "websocket")}, false},
		{"known", []*difference{row("a*", "websocket or polling")}, true},
	} {
		got := compare(c, "ours, one server", node, ours, try.known)
		if (got == "") != try.fine {
			t.Errorf("%s: %q", try.name, got)
		}
		for _, d := range try.known {
			if d.needed.Load() != try.fine {
				t.Errorf("%s: needed is %v", try.name, d.needed.Load())
			}
		}
	}
	more := transcript{"a": node["a"], "b": {"connect", "more"}}
	if got := compare(c, "ours, one server", node, more, []*difference{{id: "x", scenario: "*", transport: "*", servers: "*", ours: []line{{"b", "more"}}}}); got != "" {
		t.Errorf("what ours have besides differs: %s", got)
	}
	if got := compare(c, "ours, one server", node, node, []*difference{row("a*", "*")}); got != "" {
		t.Errorf("what is the same differs: %s", got)
	}
}
