/** What we use of swagger-ui-dist, which has no types of its own. */
declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  interface Options {
    url: string;
    dom_id: string;
    presets: unknown[];
    deepLinking: boolean;
    displayRequestDuration: boolean;
    docExpansion: 'list' | 'full' | 'none';
    defaultModelsExpandDepth: number;
    validatorUrl: string | null;
  }
  const SwaggerUI: { (options: Options): unknown; presets: { apis: unknown } };
  export default SwaggerUI;
}
