SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0, // the schemas stand beside the answers that use them
  defaultModelExpandDepth: 3,
  tryItOutEnabled: true,
  validatorUrl: null, // the validator is another host's
});
