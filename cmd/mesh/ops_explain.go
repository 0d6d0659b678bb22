package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/socketmesh/mesh/internal/commas"
	"github.com/socketmesh/mesh/ops"
)

func explainCommand(f *flags) action {
	o := declareOps(f)
	namespace := f.text("namespace", "/", "namespace of the room", "MESH_EXPLAIN_NAMESPACE")
	from := f.text("from", "", "node that emits, by the beginning of its id or by its address (default: the one that is asked)", "MESH_EXPLAIN_FROM")
	except := f.text("except", "", "rooms whose sockets do not get the event, separated by commas", "MESH_EXPLAIN_EXCEPT")
	size := f.size("size", 256, "bytes of the event's payload", "MESH_EXPLAIN_SIZE")
	words := f.words("what", "room NAME")
	return func(ctx context.Context, out, _ io.Writer) error {
		if len(*words) != 2 || (*words)[0] != "room" || (*words)[1] == "" {
			return errors.New("explain what? as: mesh explain room news")
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.close()
		query := url.Values{"namespace": {*namespace}, "room": {(*words)[1]}, "except": commas.Split(*except), "size": {strconv.Itoa(*size)}}
		if *from != "" {
			id, err := findNode(ctx, client, *from)
			if err != nil {
				return err
			}
			query.Set("from", id)
		}
		var e ops.Explanation
		answer, err := client.get(ctx, "/api/v1/explain", query, &e)
		if err != nil {
			return err
		}
		if shown, err := o.show(out, answer); err != nil {
			return err
		} else if !shown {
			if err := printExplanation(out, &e); err != nil {
				return err
			}
		}
		if !e.Whole() {
			return errors.New("not all sockets that it is for are known to be reached")
		}
		return nil
	}
}

// findNode asks for the node that a name means.
func findNode(ctx context.Context, client *opsClient, name string) (string, error) {
	var c ops.Cluster
	if _, err := client.get(ctx, "/api/v1/cluster", nil, &c); err != nil {
		return "", err
	}
	return nodeNamed(&c, name)
}

// printExplanation prints an explanation in 80 columns.
func printExplanation(out io.Writer, e *ops.Explanation) error {
	fmt.Fprintln(out, wrapped(printable(e.Summary), 80)+"\n")
	err := table(out, "SERVER SOCKETS EMIT WHY CODEC BYTES RTT QUEUE", func(row func(...any)) {
		for _, p := range e.Servers {
			sockets := "?"
			if p.Answered {
				sockets = strconv.Itoa(p.Writes)
			}
			if p.Outcome != ops.OutcomeSent && p.Outcome != ops.OutcomeKept {
				row(cut(p.ID, 16), sockets, cut(string(p.Outcome), 8), cut(orDash(p.Reason), 9), "-", "-", "-", "-")
				continue
			}
			row(cut(p.ID, 16), sockets, cut(string(p.Outcome), 8), cut(p.Reason, 9), cut(p.Codec, 8), p.Bytes, millisText(p.RoundTrip), bytesText(float64(p.QueuedBytes)))
		}
	})
	printMore(out, "", e.Unanswered)
	return err
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// cut shortens a text to at most so many characters.
func cut(text string, most int) string {
	text = printable(text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// wrapped breaks a text into lines, between words. A longer word has a line to itself.
func wrapped(text string, width int) string {
	var lines []byte
	column := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			lines, column = append(lines, '\n'), 0
		default:
			lines, column = append(lines, ' '), column+1
		}
		lines, column = append(lines, word...), column+n
	}
	return string(lines)
}
