var builder = DistributedApplication.CreateBuilder(args);

var accounts = builder.AddPostgres("postgres").WithImageTag("17").WithDataVolume().AddDatabase("accounts");
var mesh = builder.AddAuthMesh("auth", accounts).WithDemoUsers();

// The service guards its own endpoints, of which one is open.
builder.AddProject<Projects.Company_Service_1>("service")
    .WithHttpEndpoint()
    .WithAuthMesh(mesh, "/service1-path/{**rest}", ["GET"], "anonymous");

builder.Build().Run();
