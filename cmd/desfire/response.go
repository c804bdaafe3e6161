package main

import (
	"reflect"

	"github.com/go-desfire/desfire/wire"
)

// responseOf is a fresh answer of the type that the command's declaration
// names, where the type of the command is not known when compiling.
func responseOf(cmd wire.Command) wire.Message {
	m := reflect.ValueOf(cmd).MethodByName("Response")
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return nil
	}
	rsp, _ := m.Call(nil)[0].Interface().(wire.Message)
	return rsp
}
