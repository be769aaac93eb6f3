// Serves the page, which does everything else by itself. Any other server of static files would do.
var builder = WebApplication.CreateSlimBuilder(args);
var (issuer, clientId) = (builder.Configuration["Page:Issuer"], builder.Configuration["Page:ClientId"]);
var library = Path.Combine(builder.Environment.ContentRootPath, "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js");
if (!File.Exists(library))
{
    Console.Error.WriteLine($"{library} is missing. Run npm ci in the folder of the sample.");
    return 1;
}

await using var app = builder.Build();
app.Use((context, next) =>
{
    // Scripts of this origin alone, none in the page itself; requests to this origin and the mesh alone.
    context.Response.Headers.ContentSecurityPolicy =
        $"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {issuer}; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    context.Response.Headers.XContentTypeOptions = "nosniff";
    context.Response.Headers["Referrer-Policy"] = "no-referrer"; // the address of /callback holds a code
    return next(context);
});
app.UseStaticFiles();
app.MapGet("/oidc-client-ts.js", () => TypedResults.PhysicalFile(library, "text/javascript"));
app.MapGet("/settings", () => new { issuer, client_id = clientId });
app.MapFallbackToFile("index.html"); // also at /callback and /signed-out

await app.RunAsync();
return 0;
