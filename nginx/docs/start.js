// No validator: it would be asked at its maker's site.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  deepLinking: true,
  persistAuthorization: false,
});
