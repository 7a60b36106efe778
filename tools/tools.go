//go:build tools

// Package tools pins k6, Toxiproxy and vegeta, so that `go build` gives the same programs on every machine.
package tools

import (
	_ "github.com/Shopify/toxiproxy/v2/cmd/server"
	_ "github.com/tsenart/vegeta/v12"
	_ "go.k6.io/k6/v2"
)
