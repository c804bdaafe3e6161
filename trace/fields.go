package trace

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// fieldsOf walks the layout of a plain command body. Where it does not fit,
// the rest is one field.
func fieldsOf(c *wire.Coder, cmd wire.Message, e wire.Encoded) ([]wire.Field, bool) {
	fields, err := c.Explain(e, cmd)
	if err == nil {
		return hideKeys(fields), true
	}
	// Boundaries of frames need not be those of the layout.
	if len(e.Marks) > 0 {
		e.Marks = nil
		if f, err := c.Explain(e, cmd); err == nil {
			return hideKeys(f), true
		}
	}
	return hideKeys(fields), false
}

// responseOf makes a value to decode the answer of a command into.
func responseOf(spec *wire.Spec) wire.Message {
	if spec.NewResponse != nil {
		return spec.NewResponse()
	}
	return new(wire.Data)
}

// hideKeys hides the values of fields that hold keys. Package wire does so
// too, where a field is always one.
func hideKeys(fields []wire.Field) []wire.Field {
	for i, f := range fields {
		if f.Name == "KeyData" {
			fields[i].Value = fmt.Sprintf("(%d bytes)", f.Len)
		}
	}
	return fields
}
