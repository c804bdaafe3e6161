package main

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

// A run of the tool within this one has all that this one was made with.
func TestChildHasAll(t *testing.T) {
	a := newApp(strings.NewReader(""), io.Discard, io.Discard)
	made, child := reflect.ValueOf(a).Elem(), reflect.ValueOf(a.child(nil, strings.NewReader(""))).Elem()
	for i := range made.NumField() {
		if name := made.Type().Field(i).Name; !made.Field(i).IsZero() && child.Field(i).IsZero() {
			t.Errorf("a child has no %s", name)
		}
	}
}
