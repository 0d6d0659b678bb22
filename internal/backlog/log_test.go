package backlog

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLogLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l LogLimit
		lines := 0
		for range 50 {
			if missed, ok := l.Next(); ok {
				lines++
				if missed != 0 {
					t.Errorf("%d missed before line %d", missed, lines)
				}
			}
		}
		if lines != logLines {
			t.Errorf("%d lines", lines)
		}
		time.Sleep(logTime)
		if missed, ok := l.Next(); !ok || missed != 40 {
			t.Errorf("later: %v, %d missed", ok, missed)
		}
		if missed, ok := l.Next(); !ok || missed != 0 {
			t.Errorf("the next: %v, %d missed", ok, missed)
		}
	})
}
