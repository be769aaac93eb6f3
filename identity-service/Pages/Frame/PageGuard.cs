using AuthMesh.Errors;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>Marks the endpoints of pages, which a test tells from those of the API.</summary>
internal sealed class PageMarker
{
    public static readonly PageMarker Instance = new();

    private PageMarker()
    {
    }
}

/// <summary>Marks pages that an authorization may pass through.</summary>
internal sealed class OfAuthorization;

/// <summary>What every page has in common: its security headers, and which posts it takes.</summary>
internal sealed class PageGuard(IOptions<AuthMeshOptions> mesh, IOptions<PageOptions> options)
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'";

    private const string PermissionsPolicy = "publickey-credentials-get=(self), publickey-credentials-create=(self)";

    private static readonly Failure
        Refused = new(StatusCodes.Status403Forbidden, "cross_origin", "Cross-origin request refused"),
        NotAForm = new(
            StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "The request body must be a form, in UTF-8");

    public static ValueTask<object?> RunAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next) =>
        RunAsync(invocation, next, takesForeignForms: false);

    /// <summary>The same for pages that other sites may send forms to: those forms bring no cookie, and change nothing.</summary>
    public static ValueTask<object?> RunForForeignFormsAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next) =>
        RunAsync(invocation, next, takesForeignForms: true);

    /// <summary>Lets a form of this page go to the registered address of an application.</summary>
    public static void AllowFormTo(HttpResponse response, string origin) => response.Headers.ContentSecurityPolicy =
        ContentSecurityPolicy.Replace("form-action 'self'", $"form-action 'self' {origin}", StringComparison.Ordinal);

    private static ValueTask<object?> RunAsync(
        EndpointFilterInvocationContext invocation, EndpointFilterDelegate next, bool takesForeignForms)
    {
        var context = invocation.HttpContext;
        return context.RequestServices.GetRequiredService<PageGuard>().Check(context, takesForeignForms) is { } failure
            ? ValueTask.FromResult<object?>(failure) : next(invocation);
    }

    private Failure? Check(HttpContext context, bool takesForeignForms)
    {
        if (!options.Value.Enabled)
        {
            return CommonFailures.FromStatus(StatusCodes.Status404NotFound);
        }

        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers["Referrer-Policy"] = "same-origin"; // with no-referrer, browsers would send Origin: null with our own forms
        headers["Permissions-Policy"] = PermissionsPolicy;
        // Applications open an authorization in a window of their own, and wait until it comes back to their own origin.
        headers["Cross-Origin-Opener-Policy"] =
            context.GetEndpoint()?.Metadata.GetMetadata<OfAuthorization>() is null ? "same-origin" : "unsafe-none";
        headers.CacheControl = "no-store";
        return !HttpMethods.IsPost(context.Request.Method) ? null
            : !IsForm(context.Request) ? NotAForm
            : !takesForeignForms && !IsOfOurPage(context.Request.Headers, mesh.Value.OriginOfPages) ? Refused
            : null;
    }

    private static bool IsForm(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The cross-site rule of the gateway (0016), for forms. A browser always says where a form comes from, so a request that does not say
    /// it is refused as well. Scripts of services on this origin post with another mode, and frames with another destination.
    /// </summary>
    internal static bool IsOfOurPage(IHeaderDictionary headers, string own)
    {
        var (site, origin, mode, destination) =
            (headers["Sec-Fetch-Site"], headers.Origin, headers["Sec-Fetch-Mode"], headers["Sec-Fetch-Dest"]);
        return (site, origin) switch
        {
            ([], [{ } only]) => only == own, // old browsers, and all on plain http, send no Sec-Fetch-Site
            (["same-origin" or "none"], { Count: <= 1 }) => true,
            _ => false,
        }
        && mode is [] or ["navigate"] && destination is [] or ["document"];
    }
}
