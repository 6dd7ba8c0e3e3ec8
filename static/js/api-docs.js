// Opens Swagger UI on our own document; the credential stays in this page.
const place = document.getElementById("swagger-ui");
SwaggerUIBundle({ url: place.dataset.document, domNode: place, deepLinking: true, persistAuthorization: false, validatorUrl: null });
