using AuthMesh.Errors;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway;

/// <summary>
/// The host of the pages, <see cref="AuthMeshOptions.PagesOrigin"/>. There the gateway serves the pages and what their scripts call, and no
/// route of a service: a session cookie of that host reaches none, and no script of a service runs beside the pages. Without that
/// setting, pages and services share the issuer's host.
/// </summary>
internal sealed class PagesHost(IOptions<AuthMeshOptions> mesh)
{
    /// <summary>The metadata of a route that belongs to the host of the pages.</summary>
    private const string Metadata = "Host";

    /// <summary>The value for a page. At the issuer's host, it leads to the host of the pages.</summary>
    private const string Pages = "pages";

    /// <summary>The value for a part of the API that the scripts of pages call.</summary>
    private const string Both = "both";

    private readonly string name = new Uri(mesh.Value.OriginOfPages).Host;

    /// <summary>The origin of the pages.</summary>
    public string Origin => mesh.Value.OriginOfPages;

    /// <summary>Whether the pages have a host of their own.</summary>
    public bool IsSeparate { get; } = mesh.Value.PagesOrigin.Length > 0;

    /// <summary>The public origin that a request was sent to.</summary>
    public string OriginOf(HttpRequest request) => IsFor(request) ? Origin : mesh.Value.Issuer;

    /// <summary>Whether the request names the host of the pages, and services do not stand there too.</summary>
    public bool IsFor(HttpRequest request) =>
        IsSeparate && AllowedHosts.NameIn(request.Host.Value).Equals(name, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the gateway serves this route at the host of the pages.</summary>
    public static bool IsServedThere(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RouteModel>() is not { Config: var route } || Of(route) is not null;

    public static bool IsForPagesAlone(RouteConfig route) => Of(route) == Pages;

    /// <exception cref="InvalidOperationException">The value cannot be read.</exception>
    public static void Check(RouteConfig route, string key)
    {
        if (Of(route) is { } value and not (Pages or Both))
        {
            throw new InvalidOperationException($"{key}:Metadata:{Metadata} is {value}. Write {Pages} or {Both}, or leave it out.");
        }
    }

    private static string? Of(RouteConfig route) => route.Metadata?.GetValueOrDefault(Metadata);
}

/// <summary>Leaves only what belongs to the host of the pages to choose from there.</summary>
internal sealed class PagesHostPolicy(PagesHost pages) : MatcherPolicy, IEndpointSelectorPolicy
{
    public override int Order => 0;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) =>
        pages.IsSeparate && endpoints.Any(endpoint => !PagesHost.IsServedThere(endpoint));

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        for (var i = 0; pages.IsFor(httpContext.Request) && i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && !PagesHost.IsServedThere(candidates[i].Endpoint))
            {
                candidates.SetValidity(i, value: false);
            }
        }

        return Task.CompletedTask;
    }
}

/// <summary>
/// Leads a browser that opens a page at the issuer's host to the host of the pages: an old link, or an application that knows the address
/// of the authorization by heart. Nothing else of a page works there.
/// </summary>
internal sealed class LeadToPages(RequestDelegate next, PagesHost pages)
{
    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!pages.IsSeparate || context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>() is not { Config: var route }
            || !PagesHost.IsForPagesAlone(route) || pages.IsFor(request))
        {
            return next(context);
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return CommonFailures.FromStatus(StatusCodes.Status404NotFound).ExecuteAsync(context);
        }

        context.Response.StatusCode = StatusCodes.Status302Found;
        context.Response.Headers.CacheControl = "no-store"; // the setting may change
        context.Response.Headers.Location = pages.Origin + request.GetEncodedPathAndQuery();
        return Task.CompletedTask;
    }
}
