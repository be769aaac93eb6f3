using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Errors;

internal enum ErrorForm
{
    Json,
    Problem,
    Page,
}

/// <summary>Chooses by Accept (RFC 9110 §12.5.1) how a caller gets an error.</summary>
internal static class ErrorNegotiation
{
    /// <summary>
    /// A problem, if the caller names its type at all. A page, if the caller prefers HTML to JSON, as browsers do when a person opens an
    /// address. JSON otherwise.
    /// </summary>
    public static ErrorForm Choose(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double html = 0, json = 0, anything = 0;
        foreach (var type in accepted)
        {
            var quality = type.Quality ?? 1;
            if (Is(type, ProblemBody.ContentType) && quality > 0)
            {
                return ErrorForm.Problem;
            }

            html = Is(type, ErrorPage.MediaType) ? Math.Max(html, quality) : html;
            json = Is(type, "application/json") ? Math.Max(json, quality) : json;
            anything = Is(type, "*/*") || Is(type, "application/*") ? Math.Max(anything, quality) : anything;
        }

        // JSON that is named wins a tie, and a wildcard does not.
        return html > json && html >= anything ? ErrorForm.Page : ErrorForm.Json;
    }

    private static bool Is(MediaTypeHeaderValue type, string name) => type.MediaType.Equals(name, StringComparison.OrdinalIgnoreCase);
}
