package pcsc
