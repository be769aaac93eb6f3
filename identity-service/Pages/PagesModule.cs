using AuthMesh.Identity.Pages.Entry;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Pages.Account;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Pages;

internal static class PagesModule
{
    public static readonly Module Instance = new("Pages")
    {
        AddServices = services =>
            services.AddSingleton<Texts>().AddSingleton<Assets>().AddSingleton<PageGuard>().AddSingleton<ProofCookie>(),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(PageOptions)],
    };

    // Every page answers anonymous callers, because a JSON 401 is no page: it leads them to the sign-in itself.
    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        Assets.Map(app.MapGroup("").WithMetadata(PageMarker.Instance));
        var pages = app.MapGroup("").AddEndpointFilter(PageGuard.RunAsync).AllowAnonymous().WithMetadata(PageMarker.Instance);
        StartPage.Map(pages);
        SignInPage.Map(pages);
        SecondFactorPage.Map(pages);
        SignOutPage.Map(pages);
        SignUpPage.Map(pages);
        ForgotPage.Map(pages);
        ResetPage.Map(pages);
        VerifyEmailPage.Map(pages);
        ConfirmPage.Map(pages);
        ProfilePage.Map(pages);
        EmailPage.Map(pages);
        SecurityPage.Map(pages);
        PasswordPage.Map(pages);
        AuthenticatorPage.Map(pages);
        RecoveryCodesPage.Map(pages);
        PasskeysPage.Map(pages);
        KeysPage.Map(pages);
        SessionsPage.Map(pages);
        DeletePage.Map(pages);
    }
}
