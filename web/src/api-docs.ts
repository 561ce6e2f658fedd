/** The page that shows the service's own OpenAPI document and calls what it describes. */

import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';

SwaggerUI({
  url: '/openapi.json',
  dom_id: '#document',
  presets: [SwaggerUI.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // Without it the document would be sent to another host.
  validatorUrl: null,
});
