using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthMesh.Errors;

/// <summary>An error as a short page for a person who opened an address in a browser. It needs no script, style or image.</summary>
internal static class ErrorPage
{
    public const string MediaType = "text/html";

    public static Task WriteAsync(HttpResponse response, Failure failure, string traceId, CancellationToken cancellationToken)
    {
        response.ContentType = MediaType + "; charset=utf-8";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'"; // nothing that got into a text is run
        var title = HtmlEncoder.Default.Encode($"{failure.Status} {ReasonPhrases.GetReasonPhrase(failure.Status)}");
        var fields = failure.Errors is { } errors ? $"<ul>{string.Concat(errors.SelectMany(Items))}</ul>\n" : "";
        return response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <meta name="color-scheme" content="light dark">
            <title>{title}</title>
            </head>
            <body>
            <main>
            <h1>{title}</h1>
            <p>{Encode(failure.Message)}</p>
            {fields}<p><small>Code: {Encode(failure.Code)}. Trace id: {Encode(traceId)}</small></p>
            </main>
            </body>
            </html>

            """,
            cancellationToken);
    }

    private static IEnumerable<string> Items(KeyValuePair<string, string[]> field) =>
        field.Value.Select(text => $"<li>{Encode(field.Key)}: {Encode(text)}</li>");

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
