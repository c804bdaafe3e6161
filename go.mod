module github.com/go-desfire/desfire

go 1.26
