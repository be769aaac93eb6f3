using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.SignIn;

internal static class SignInModule
{
    public static readonly Module Instance = new("SignIn")
    {
        AddServices = services => services.AddScoped<ProvePassword>().AddScoped<CompleteSignIn>(),
        MapEndpoints = app => Login.Map(app.MapNoStore()),
    };
}
