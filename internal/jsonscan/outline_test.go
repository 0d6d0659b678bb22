package jsonscan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOutline(t *testing.T) {
	for _, c := range []struct {
		text        string
		attachments int
		want        string // an outline, or part of an error
	}{
		{`1`, 0, `[]`},
		{`[]`, 0, `[0]`},
		{`[1,[2,3,[]],{"a":{},"b":[1]}]`, 0, `[3 3 0 2 0 1]`},
		{`{"x":{"omit":[[]],"a":1}}`, 0, `[1 1 1 0]`},
		{`{"\u006fmit":1}`, 0, `[0]`},

		{`[{"_placeholder":true,"num":0}]`, 0, `[1 2]`}, // it means itself
		{`[{"_placeholder":true,"num":0}]`, 1, `[1 -1]`},
		{`[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]`, 2, `[2 -2 -1]`},
		{`[{"\u005fplaceholder":true,"n\u0075m":0}]`, 1, `[1 -1]`},
		{`{"_placeholder":true,"num":1.0e0,"more":[{}]}`, 2, `[-2 1 0]`},
		{`{"_placeholder":false,"_placeholder":true,"num":7,"num":0}`, 1, `[-1]`},
		{`{"_placeholder":false,"num":7}`, 1, `[2]`},
		{`{"_placeholder":1,"num":7}`, 1, `[2]`},
		{`{"_placeholder":[true],"num":7}`, 1, `[2 1]`},
		{`{"a":{"num":5},"_placeholder":true,"num":0}`, 1, `[-1 1]`},

		{`{"_placeholder":true,"num":1}`, 1, `num is 1 of 1`},
		{`{"_placeholder":true,"num":-1}`, 1, `num is -1 of 1`},
		{`{"_placeholder":true,"num":0.5}`, 1, `num is -1 of 1`},
		{`{"_placeholder":true,"num":1e300}`, 1, `num is -1 of 1`},
		{`{"_placeholder":true,"num":"0"}`, 1, `num is -1 of 1`},
		{`{"_placeholder":true,"num":null}`, 1, `num is -1 of 1`},
		{`{"_placeholder":true}`, 1, `num is -1 of 1`},
		{`[[{"num":0,"x":{"_placeholder":true}}]]`, 1, `num is -1 of 1`},
		{`[`, 1, `invalid JSON`},
		{strings.Repeat("[", MaxDepth+1), 0, `nested too deeply`},
	} {
		outline, err := AppendOutline(nil, []byte(c.text), c.attachments, "omit")
		have := fmt.Sprint([]int32(outline))
		if err != nil {
			have = err.Error()
		}
		if have != c.want && (err == nil || !strings.Contains(have, c.want)) {
			t.Errorf("%.60s with %d: have %s, want %s", c.text, c.attachments, have, c.want)
		}
		if strings.Contains(c.want, "num") && !errors.Is(err, ErrPlaceholder) {
			t.Errorf("%s: %v does not wrap ErrPlaceholder", c.text, err)
		}
	}
	if num, ok := (Outline{2, ^3}).Attachment(1); num != 3 || !ok {
		t.Errorf("attachment %d, %v", num, ok)
	}
	if _, ok := (Outline{0}).Attachment(0); ok {
		t.Error("an empty object is an attachment")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		text        string
		attachments int
		want        error
	}{
		{`["a",{}]`, 0, nil},
		{`["é"]`, 1, nil},
		{"[\"\xff\"]", 0, ErrSyntax},
		{`[1,]`, 0, ErrSyntax},
		{`[1,]`, 1, ErrSyntax},
		{``, 0, ErrSyntax},
		{`{"_placeholder":true,"num":1}`, 0, nil},
		{`{"_placeholder":true,"num":1}`, 1, ErrPlaceholder},
	} {
		if err := Check([]byte(c.text), c.attachments); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.text, err, c.want)
		}
	}
}

func TestCheckEvent(t *testing.T) {
	for text, ok := range map[string]bool{`["e"]`: true, ` [ "" , 1]`: true, `[]`: false, `[1]`: false, `[["e"]]`: false, `{"e":1}`: false, `"e"`: false, ``: false, `[`: false} {
		if err := CheckEvent([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
