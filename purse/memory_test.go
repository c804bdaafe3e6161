package purse

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// fill gives every field, however deep, a value that is not zero.
func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, r)
		fill(e, r)
		v.SetMapIndex(k, e)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), r)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprint("s", r.Uint32()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		v.SetUint(1 + r.Uint64N(100))
	default:
		v.SetInt(1 + r.Int64N(100))
	}
}

// shared finds memory that two values have in common.
func shared(a, b reflect.Value, at string) []string {
	var found []string
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if a.Kind() != reflect.Slice || a.Len() > 0 {
			if a.Pointer() == b.Pointer() {
				return []string{at}
			}
		}
		if a.Kind() == reflect.Pointer && !a.IsNil() {
			return shared(a.Elem(), b.Elem(), at)
		}
		if a.Kind() == reflect.Slice {
			for i := range a.Len() {
				found = append(found, shared(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				found = append(found, shared(a.Field(i), b.Field(i), at+"."+a.Type().Field(i).Name)...)
			}
		}
	}
	return found
}

func TestCloneSharesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	e, o, s := new(Entry), new(Outcome), new(CardState)
	for _, v := range []any{e, o, s} {
		fill(reflect.ValueOf(v).Elem(), r)
	}
	oc := o.Clone()
	for _, pair := range [][2]any{{e, e.Clone()}, {o, &oc}, {s, s.Clone()}} {
		a, b := reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1])
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%v: a copy differs", a.Type())
		}
		for _, at := range shared(a.Elem(), b.Elem(), a.Type().String()) {
			t.Errorf("%s is shared with the copy", at)
		}
	}
	if (*Entry)(nil).Clone() != nil || (*CardState)(nil).Clone() != nil {
		t.Error("a copy of nil")
	}
	if found := shared(reflect.ValueOf(e).Elem(), reflect.ValueOf(e).Elem(), "e"); len(found) < 10 {
		t.Errorf("the test does not see what is shared: %v", found)
	}
}
