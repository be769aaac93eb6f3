using System.Security.Cryptography;
using AuthMesh.Errors;
using Microsoft.Extensions.Options;
using Scalar.AspNetCore;

namespace AuthMesh.Identity.ApiReference;

/// <summary>
/// The page <c>/docs</c>, on which developers read the OpenAPI documents and try them. It asks nothing of any other origin: the library's
/// fonts, its assistant, its telemetry and its tools on other hosts are off, and the content policy forbids them besides.
/// </summary>
internal static class ReferencePage
{
    public static void Map(IEndpointRouteBuilder app) =>
        app.MapGroup("").AllowAnonymous().AddEndpointFilter(RefuseUnlessShown).MapScalarApiReference("/docs", Configure);

    private static ValueTask<object?> RefuseUnlessShown(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var services = context.HttpContext.RequestServices;
        var isShown = services.GetRequiredService<IOptions<ApiReferenceOptions>>().Value.Show switch
        {
            ReferenceVisibility.Always => true,
            ReferenceVisibility.InDevelopment => services.GetRequiredService<IHostEnvironment>().IsDevelopment(),
            _ => false,
        };
        // The library takes a name in the path for that of a document, wherever it leads.
        return isShown && context.HttpContext.GetRouteValue("documentName") is null
            ? next(context) : new(CommonFailures.FromStatus(StatusCodes.Status404NotFound));
    }

    private static void Configure(ScalarOptions options, HttpContext context)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        context.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            + "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        options
            .WithTitle("AuthMesh: HTTP interface")
            .WithNonce(nonce)
            .DisableDefaultFonts()
            .DisableAgent()
            .DisableTelemetry()
            .AddPreferredSecuritySchemes("bearer")
            .HideDeveloperTools()
            .HideClientButton() // it leads to a program on another host
            .AddDocument("identity", "Accounts, sessions and tokens", "/openapi/identity.json", isDefault: true)
            .AddDocument("resource", "The example service", "/openapi/resource.json");
    }
}
